//! `[static]`: the public directory of the whole front door. Never opens it.

use std::path::PathBuf;
use std::time::Duration;

use crate::unit::layers::Node;
use crate::unit::route::{path, root};
use crate::unit::section::section;
use crate::unit::value::{Cx, Value};

section! {
    /// A public directory of the whole front door: its files answer GET and HEAD before any tenant is asked (pages that
    /// were made ahead), also during maintenance and where no tenant answers. Never a file outside, nor one whose path
    /// has a segment that begins with a dot (but `.well-known`). The `public` of a tenant's `[route]` comes behind it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Static in "static" (fields) {
        /// The directory ("/rails/public"). Default: none, and nothing of this section has an effect.
        root: Option<PathBuf> as root = None;
        /// Path prefix that URLs have and files do not: with "/showcase", /showcase/a.css is a.css below `root`, and
        /// paths without the prefix are no files. Default: "/", none.
        prefix: String as path = String::new();
        /// What is appended to a path that is no file: words that begin with a dot (or a slash) to a name without
        /// extension, others behind a slash. Default ["index.html", ".html", ".htm"]: /a/ is a/index.html, /a is a.html
        /// or a.htm.
        try_files: Vec<String> as suffixes = ["index.html", ".html", ".htm"].map(str::to_owned).to_vec();
        /// Extensions that a path may ask for, without the dot, as they are written (["css", "js", "png"]); a name
        /// without any is then no file either. What `try_files` appends is always allowed. Default: all.
        extensions: Vec<String> as extensions = Vec::new();
        /// /a becomes /a/ (301, the query is kept) where a is a directory with an index.html; default false.
        trailing_slash: bool = false;
        /// How long browsers and proxies may keep its files (Cache-Control), where no `[[cache]]` says otherwise; "0s"
        /// is `max-age=0`. Default: a year for names with a fingerprint below assets/, packs/ and vite/, else they ask
        /// each time.
        max_age: Option<Duration> as some_age = None;
        /// And they never ask again before that, even if the page is loaded anew; default false.
        immutable: bool = false;
    }
}

/// A span that may be zero.
pub(super) fn some_age(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<Duration>> {
    Duration::read(node, cx).map(Some)
}

fn suffixes(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let all = Vec::<String>::read(node, cx)?;
    for (suffix, item) in all.iter().zip(node.items()) {
        if let Err(message) = check_suffix(suffix) {
            cx.error(item.place, message);
        }
    }
    Some(all)
}

/// Whether a file's name may end so.
pub(crate) fn check_suffix(suffix: &str) -> Result<(), String> {
    let name = suffix.strip_prefix('/').unwrap_or(suffix);
    let segments = !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !segments || name.starts_with('.') && name != suffix || name.contains(['\\', '?', '#']) {
        return Err(format!("\"{suffix}\" ends no name of a file; write one such as \"index.html\" or \".html\""));
    }
    Ok(())
}

fn extensions(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let all = Vec::<String>::read(node, cx)?;
    for (extension, item) in all.iter().zip(node.items()) {
        if let Err(message) = check_extension(extension) {
            cx.error(item.place, message);
        }
    }
    Some(all)
}

/// Whether it is what stands behind the last dot of a name.
pub(crate) fn check_extension(extension: &str) -> Result<(), String> {
    let right = extension.trim_start_matches(['*', '.']);
    if right.is_empty() || right != extension || extension.contains(['.', '/']) {
        let right = if right.is_empty() || right.contains(['.', '/']) { "css" } else { right };
        return Err(format!("\"{extension}\" is no extension; write \"{right}\""));
    }
    Ok(())
}
