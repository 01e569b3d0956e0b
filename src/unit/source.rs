//! The files of a configuration: their text while they are read, and where a byte of it is for people.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Level};
use super::report::{Place, Report};

/// All files read so far; a file is known by its index.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    list: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

/// A parsed file; `None` if it is not TOML.
pub(crate) type Document<'a> = Option<Spanned<DeTable<'a>>>;

impl Sources {
    /// Longest file in bytes.
    const MAX: u64 = 4 << 20;

    /// Adds a text under the path that error texts show.
    pub fn add(&mut self, path: PathBuf, text: String) -> usize {
        self.list.push(Source { path, text });
        self.list.len() - 1
    }

    /// Reads `path` of the directory `root`. What cannot be read is reported and counts as empty.
    pub fn read(&mut self, root: &Path, path: PathBuf, report: &mut Report) -> usize {
        let text = read_text(&root.join(&path));
        let shown = path.display().to_string();
        let (text, why) = match text {
            Ok(text) => (text, None),
            Err(why) => (String::new(), Some(why)),
        };
        let file = self.add(path, text);
        if let Some(why) = why {
            report.error(Place::file(file), format!("cannot read {shown}: {why}"));
        }
        file
    }

    /// Path of a file as error texts show it.
    pub fn path(&self, file: usize) -> &Path {
        &self.list[file].path
    }

    /// Parses every file; reports every syntax error.
    pub fn parse(&self, report: &mut Report) -> Vec<Document<'_>> {
        let mut documents = Vec::with_capacity(self.list.len());
        for (file, source) in self.list.iter().enumerate() {
            let (table, errors) = DeTable::parse_recoverable(&source.text);
            for error in &errors {
                let place = Place { file, offset: error.span().map(|span| span.start) };
                report.error(place, error.message().replace('\n', " "));
            }
            documents.push(errors.is_empty().then_some(table));
        }
        documents
    }

    /// Makes a place one for people.
    pub fn diagnostic(&self, place: Place, level: Level, message: String) -> Diagnostic {
        let source = &self.list[place.file];
        let (line, column) = place.offset.map_or((0, 0), |offset| position(&source.text, offset));
        Diagnostic { file: source.path.clone(), line, column, level, message }
    }
}

/// The text of a file, or what to do about it.
fn read_text(path: &Path) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|error| reason(&error))?;
    if !about.is_file() {
        return Err("it is no regular file".into());
    }
    if about.len() > Sources::MAX {
        return Err(format!("it is longer than {} MiB", Sources::MAX >> 20));
    }
    let bytes = std::fs::read(path).map_err(|error| reason(&error))?;
    String::from_utf8(bytes).map_err(|error| {
        let (line, column) = position(&String::from_utf8_lossy(error.as_bytes()), error.utf8_error().valid_up_to());
        format!("line {line}, column {column} is not UTF-8; save the file as UTF-8")
    })
}

/// The system's words for an error, in lower case and without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" (os error").map_or(text.as_str(), |(text, _)| text);
    text.to_lowercase()
}

/// Line and column of a byte, both from 1; the column counts characters.
fn position(text: &str, offset: usize) -> (u32, u32) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let is_start = |byte: &&u8| **byte & 0xC0 != 0x80;
    let column = before[start..].iter().filter(is_start).count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
