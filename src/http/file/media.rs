//! The type of a file, from its extension: what the public directories of Rails applications hold.

/// A media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// Content-Type: `text/css; charset=utf-8`.
    pub content_type: &'static str,
    /// Worth a `.br` or `.gz` beside it.
    pub compressible: bool,
}

/// A file that says nothing of its type.
const UNKNOWN: Media = Media { content_type: "application/octet-stream", compressible: false };

/// Extension, type, compressible.
const KNOWN: &[(&[u8], &str, bool)] = &[
    (b"css", "text/css; charset=utf-8", true),
    (b"js", "text/javascript; charset=utf-8", true),
    (b"mjs", "text/javascript; charset=utf-8", true),
    (b"map", "application/json", true),
    (b"json", "application/json", true),
    (b"html", "text/html; charset=utf-8", true),
    (b"htm", "text/html; charset=utf-8", true),
    (b"txt", "text/plain; charset=utf-8", true),
    (b"md", "text/markdown; charset=utf-8", true),
    (b"csv", "text/csv; charset=utf-8", true),
    (b"ics", "text/calendar; charset=utf-8", true),
    (b"vtt", "text/vtt; charset=utf-8", true),
    (b"xml", "application/xml; charset=utf-8", true),
    (b"rss", "application/rss+xml; charset=utf-8", true),
    (b"atom", "application/atom+xml; charset=utf-8", true),
    (b"webmanifest", "application/manifest+json", true),
    (b"svg", "image/svg+xml; charset=utf-8", true),
    (b"wasm", "application/wasm", true),
    (b"ico", "image/x-icon", true),
    (b"ttf", "font/ttf", true),
    (b"otf", "font/otf", true),
    (b"eot", "application/vnd.ms-fontobject", true),
    (b"woff", "font/woff", false),
    (b"woff2", "font/woff2", false),
    (b"png", "image/png", false),
    (b"jpg", "image/jpeg", false),
    (b"jpeg", "image/jpeg", false),
    (b"gif", "image/gif", false),
    (b"webp", "image/webp", false),
    (b"avif", "image/avif", false),
    (b"mp3", "audio/mpeg", false),
    (b"m4a", "audio/mp4", false),
    (b"ogg", "audio/ogg", false),
    (b"wav", "audio/wav", false),
    (b"mp4", "video/mp4", false),
    (b"webm", "video/webm", false),
    (b"mov", "video/quicktime", false),
    (b"pdf", "application/pdf", false),
    (b"zip", "application/zip", false),
    (b"gz", "application/gzip", false),
    (b"tar", "application/x-tar", false),
    (b"xls", "application/vnd.ms-excel", false),
    (b"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false),
    (b"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false),
];

impl Media {
    /// Nothing is known of it: the name may be that of a page.
    pub fn is_unknown(self) -> bool {
        self == UNKNOWN
    }
}

/// The type of the file with this name.
pub fn media(name: &[u8]) -> Media {
    let last = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let Some(dot) = memchr::memrchr(b'.', last) else { return UNKNOWN };
    let known = KNOWN.iter().find(|(extension, ..)| last[dot + 1..].eq_ignore_ascii_case(extension));
    known.map_or(UNKNOWN, |&(_, content_type, compressible)| Media { content_type, compressible })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells() {
        for (name, content_type) in [
            ("a.css", "text/css; charset=utf-8"),
            ("a/b.c/app-12.JS", "text/javascript; charset=utf-8"),
            ("a.js.map", "application/json"),
            ("favicon.ico", "image/x-icon"),
            ("a.svg", "image/svg+xml; charset=utf-8"),
            ("a.woff2", "font/woff2"),
            ("robots.txt", "text/plain; charset=utf-8"),
            ("a.png", "image/png"),
            ("a", "application/octet-stream"),
            ("css", "application/octet-stream"),
            ("a.css/b", "application/octet-stream"),
            ("a.rb", "application/octet-stream"),
            ("a.", "application/octet-stream"),
        ] {
            assert_eq!(media(name.as_bytes()).content_type, content_type, "{name}");
        }
        assert!(media(b"a.rb").is_unknown() && !media(b"a.txt").is_unknown());
        let text = KNOWN.iter().filter(|(_, content_type, _)| content_type.starts_with("text/"));
        for (_, content_type, compressible) in text {
            assert!(content_type.ends_with("; charset=utf-8") && *compressible, "{content_type}");
        }
    }
}
