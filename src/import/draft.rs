//! The configuration that is being written: tables of tenantd.toml, units, and the report. Every section adds to it.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::keys::Field;
use super::report::{Report, Verdict};
use super::toml::{Table, Toml};
use super::value;
use super::yaml::Yaml;

/// What the file does not say.
pub struct Options<'o> {
    /// What relative paths are relative to: Navigator's working directory, where tenantd will run.
    pub root: PathBuf,
    /// The path of navigator.yml, for comments and for hooks that load another one.
    pub source: PathBuf,
    /// The environment, for `${VAR:-x}`.
    pub variables: &'o dyn Fn(&str) -> Option<String>,
}

/// All of it.
pub(super) struct Draft<'o> {
    pub options: &'o Options<'o>,
    pub report: Report,
    daemon: Vec<Table>,
    pub units: BTreeMap<String, Vec<Table>>,
}

impl<'o> Draft<'o> {
    /// Nothing yet.
    pub fn new(options: &'o Options<'o>) -> Self {
        Self { options, report: Report::default(), daemon: Vec::new(), units: BTreeMap::new() }
    }

    /// A table of tenantd.toml that is there once: `http`.
    pub fn section(&mut self, name: &str) -> &mut Table {
        let title = format!("[{name}]");
        let at = self.daemon.iter().position(|table| table.title == title).unwrap_or_else(|| {
            self.daemon.push(Table::new(&title));
            self.daemon.len() - 1
        });
        &mut self.daemon[at]
    }

    /// Adds one of many: `[[redirect]]`, from this line.
    pub fn push(&mut self, name: &str, line: u32, mut table: Table) {
        table.title = format!("[[{name}]]");
        table.say(format!("line {line}"));
        self.daemon.push(table);
    }

    /// The tables `[[section]]` that are there.
    pub fn all(&self, section: &str) -> impl Iterator<Item = &Table> {
        let title = format!("[[{section}]]");
        self.daemon.iter().filter(move |table| table.title == title)
    }

    /// This name, or one like it that none of the tables `[[section]]` has.
    pub fn free_name(&self, section: &str, wanted: &str) -> String {
        let taken: Vec<&Toml> = self.all(section).filter_map(|table| table.value("name")).collect();
        let names = (1..).map(|n| if n == 1 { wanted.to_owned() } else { format!("{wanted}-{n}") });
        names.map(Toml::Text).find(|name| !taken.contains(&name)).map_or_else(String::new, |name| name.to_text())
    }

    /// The tables of tenantd.toml; what is there once comes first, as people write it.
    pub fn take_daemon(&mut self) -> Vec<Table> {
        let mut all = std::mem::take(&mut self.daemon);
        all.sort_by_key(|table| table.title.starts_with("[["));
        all
    }

    /// Adds a unit, under this name or one like it that is free; the answer is the name.
    pub fn unit(&mut self, wanted: &str, suffix: &str, tables: Vec<Table>) -> String {
        let name = (1..)
            .map(|n| if n == 1 { wanted.to_owned() } else { format!("{wanted}-{n}") })
            .find(|name| !self.units.contains_key(&format!("{name}{suffix}")))
            .unwrap_or_default();
        self.units.insert(format!("{name}{suffix}"), tables);
        name
    }

    /// An absolute path.
    pub fn path(&self, text: &str) -> String {
        let mut plain = PathBuf::new();
        for part in self.options.root.join(text).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => drop(plain.pop()),
                part => plain.push(part),
            }
        }
        plain.to_string_lossy().into_owned()
    }

    /// The program of a command, absolute if it is relative to a directory.
    pub fn program(&self, mut words: Vec<String>, directory: &str) -> Vec<String> {
        if let Some(first) = words.first_mut().filter(|first| first.contains('/') && !first.starts_with('/')) {
            *first = self.path(&Path::new(directory).join(&*first).to_string_lossy());
        }
        words
    }

    pub fn as_is(&mut self, field: &Field<'_>, became: &str) {
        self.report.row(&field.key, field.line, Verdict::AsIs, became);
    }

    pub fn mapped(&mut self, field: &Field<'_>, became: &str) {
        self.report.row(&field.key, field.line, Verdict::Mapped, became);
    }

    pub fn works(&mut self, field: &Field<'_>, became: &str) {
        self.report.row(&field.key, field.line, Verdict::WorksNow, became);
    }

    pub fn cannot(&mut self, key: &str, line: u32, why: &str) {
        self.report.row(key, line, Verdict::CannotBe, why);
    }

    /// `cannot` of a field.
    pub fn refuse(&mut self, field: &Field<'_>, why: &str) {
        self.cannot(&field.key, field.line, why);
    }

    /// A span of time in our notation.
    pub fn duration(&mut self, field: &Field<'_>) -> Option<String> {
        let text = field.text(self)?;
        match value::duration(&text) {
            Some((span, plain)) => {
                if plain {
                    self.works(field, &format!("{text} without a unit: seconds (Navigator took its default)"));
                }
                Some(span)
            }
            None => {
                self.refuse(field, &format!("\"{text}\" is no duration; write one such as \"90s\""));
                None
            }
        }
    }

    /// Texts of a list, or one, that are what they should be; the others are refused.
    pub fn checked(&mut self, field: &Field<'_>, check: impl Fn(&str) -> Result<(), String>) -> Vec<String> {
        let mut all = Vec::new();
        for item in field.items() {
            let Some(text) = item.text(self).filter(|text| !text.is_empty()) else { continue };
            match check(&text) {
                Ok(()) => all.push(text),
                Err(why) if matches!(field.node.value, Yaml::List(_)) => self.refuse(&item, &why),
                Err(why) => self.refuse(field, &why),
            }
        }
        all
    }

    /// A span of time in our notation, if it is any time at all.
    pub fn some_time(&mut self, field: &Field<'_>) -> Option<String> {
        self.duration(field).filter(|span| !value::is_zero(span))
    }

    /// A size in our notation.
    pub fn size(&mut self, field: &Field<'_>) -> Option<String> {
        let text = field.text(self)?;
        let size = value::size(&text);
        if size.is_none() {
            self.refuse(field, &format!("\"{text}\" is no size; write one such as \"512M\""));
        }
        size
    }

    /// `${VAR}` and `${VAR:-x}` of the environment, which Navigator's documentation promises. Only names in capitals:
    /// others are captures of a pattern, or vars of a tenant.
    pub fn expanded(&mut self, field: &Field<'_>, raw: &str) -> Option<String> {
        if !raw.contains("${") {
            return Some(raw.to_owned());
        }
        let (mut out, mut rest) = (String::new(), raw);
        while let Some((before, inside, after)) = placeholder(rest) {
            out.push_str(before);
            rest = after;
            let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, value)| (name, Some(value)));
            // The port of a tenant is known when its process is made.
            if !is_variable(name) || inside == "PORT" {
                out.extend(["${", inside, "}"]);
                continue;
            }
            let value = (self.options.variables)(name).filter(|value| !value.is_empty() || default.is_none());
            match value.or(default.map(str::to_owned)) {
                Some(value) => {
                    self.works(field, &format!("${{{name}}} is what the environment says at import, else the default"));
                    out.push_str(&value);
                }
                None => {
                    self.refuse(
                        field,
                        &format!("${{{name}}} is not set; set it when importing, or write ${{{name}:-value}}"),
                    );
                    return None;
                }
            }
        }
        out.push_str(rest);
        Some(out)
    }
}

/// The first `${…}`: what is before it, in it, and after it.
pub(super) fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (inside, after) = rest.split_once('}')?;
    Some((before, inside, after))
}

/// A name that people give to a variable of the environment.
pub(super) fn is_variable(name: &str) -> bool {
    name.len() > 1
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}
