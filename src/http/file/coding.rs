//! Which compressed sibling of a file a client takes (RFC 9110 §12.5.3).

use super::super::fields::{Fields, list};

/// A content coding that a sibling of the file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
}

/// What a client takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepts {
    /// Brotli.
    pub brotli: bool,
    /// gzip.
    pub gzip: bool,
}

impl Coding {
    /// Content-Encoding.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What the sibling's name has more.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }
}

impl Accepts {
    /// From the Accept-Encoding fields. Without one only the file itself is served.
    pub fn of(fields: &Fields<'_>) -> Self {
        let (mut brotli, mut gzip, mut any) = (None, None, None);
        for line in fields.lines().filter(|line| line.name.eq_ignore_ascii_case(b"accept-encoding")) {
            for element in list(line.value) {
                let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
                let name = parts.next().unwrap_or_default();
                let welcome = Some(!parts.any(is_zero));
                match name {
                    b"*" => any = welcome,
                    _ if name.eq_ignore_ascii_case(b"br") => brotli = welcome,
                    _ if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => gzip = welcome,
                    _ => {}
                }
            }
        }
        let told = |coding: Option<bool>| coding.or(any).unwrap_or(false);
        Self { brotli: told(brotli), gzip: told(gzip) }
    }

    /// In the order in which they are looked for: the smaller one first.
    pub fn codings(self) -> impl Iterator<Item = Coding> {
        let brotli = self.brotli.then_some(Coding::Brotli);
        brotli.into_iter().chain(self.gzip.then_some(Coding::Gzip))
    }
}

/// `q=0`, `q=0.000`: not acceptable.
fn is_zero(parameter: &[u8]) -> bool {
    let [b'q' | b'Q', b'=', weight @ ..] = parameter else { return false };
    weight.first() == Some(&b'0') && weight[1..].iter().all(|byte| matches!(byte, b'.' | b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_refused_is_taken() {
        for (lines, brotli, gzip) in [
            ("", false, false),
            ("Accept-Encoding: gzip, deflate, br\r\n", true, true),
            ("Accept-Encoding: gzip\r\n", false, true),
            ("accept-encoding: GZIP;q=0.5\r\n", false, true),
            ("Accept-Encoding: x-gzip\r\n", false, true),
            ("Accept-Encoding: gzip;q=0, br ; q=0.000\r\n", false, false),
            ("Accept-Encoding: gzip;q=0.001\r\n", false, true),
            ("Accept-Encoding: *\r\n", true, true),
            ("Accept-Encoding: *;q=0, br\r\n", true, false),
            ("Accept-Encoding: br;q=0, *\r\n", false, true),
            ("Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n", true, true),
            ("Accept-Encoding: identity\r\n", false, false),
            ("Accept-Encoding: brr, gzipped\r\n", false, false),
            ("Accept: gzip\r\n", false, false),
        ] {
            let fields = Fields::new(lines.as_bytes(), false);
            assert_eq!(Accepts::of(&fields), Accepts { brotli, gzip }, "{lines:?}");
        }
    }
}
