//! One mistake or doubt of a configuration, with the line that it is on.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Whether the configuration can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A mistake: the configuration is refused.
    Error,
    /// A doubt: it is used.
    Warning,
}

/// What is wrong, where, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Relative to the configuration directory (`units/web@.toml`), or the directory itself.
    pub file: PathBuf,
    /// Counted from 1; 0 is the whole file.
    pub line: u32,
    /// In characters, counted from 1; 0 is the whole file.
    pub column: u32,
    /// Error or warning.
    pub level: Level,
    /// In lower case, one line.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        let level = if self.level == Level::Warning { " warning:" } else { "" };
        write!(f, "{level} {}", self.message)
    }
}
