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
    /// Whether it could be read.
    good: bool,
}

/// A parsed file; `None` if it could not be read or is not TOML.
pub(crate) type Document<'a> = Option<Spanned<DeTable<'a>>>;

impl Sources {
    /// Longest file in bytes.
    const MAX: u64 = 4 << 20;

    /// Adds a text under the path that error texts show.
    pub fn add(&mut self, path: PathBuf, text: String) -> usize {
        self.list.push(Source { path, text, good: true });
        self.list.len() - 1
    }

    /// Reads `path` of the directory `root`. What cannot be read is reported, and is no document.
    pub fn read(&mut self, root: &Path, path: PathBuf, report: &mut Report) -> usize {
        let file = self.list.len();
        let (text, good) = match read_bytes(&root.join(&path)).map(String::from_utf8) {
            Ok(Ok(text)) => (text, true),
            Ok(Err(error)) => {
                let place = Place::at(file, error.utf8_error().valid_up_to());
                report.error(place, "this is not UTF-8; save the file as UTF-8");
                (String::from_utf8_lossy(error.as_bytes()).into_owned(), false)
            }
            Err(why) => {
                report.error(Place::file(file), format!("cannot read {}: {why}", path.display()));
                (String::new(), false)
            }
        };
        self.list.push(Source { path, text, good });
        file
    }

    /// Path of a file as error texts show it.
    pub fn path(&self, file: usize) -> &Path {
        &self.list[file].path
    }

    /// Parses every file that could be read; reports every syntax error.
    pub fn parse(&self, report: &mut Report) -> Vec<Document<'_>> {
        let mut documents = Vec::with_capacity(self.list.len());
        for (file, source) in self.list.iter().enumerate() {
            if !source.good {
                documents.push(None);
                continue;
            }
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
        let message = message.replace(char::is_control, "�");
        Diagnostic { file: source.path.clone(), line, column, level, message }
    }
}

/// The bytes of a file, or why not.
fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|error| reason(&error))?;
    if !about.is_file() {
        return Err("it is no regular file; write one, or remove it".into());
    }
    if about.len() > Sources::MAX {
        return Err(format!("it is longer than {} MiB; split it", Sources::MAX >> 20));
    }
    std::fs::read(path).map_err(|error| reason(&error))
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
