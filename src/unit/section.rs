//! One source of truth for a section: fields, keys, defaults and documentation of a configuration type, declared once.

use toml::de::{DeTable, DeValue};

use super::kind::Kind;
use super::layers::{Layers, Node};
use super::nearest::hint;
use super::report::{Place, Report};
use super::value::{Cx, Value, found};

/// What a section is, for people.
#[derive(Debug, Clone, Copy)]
pub struct SectionDoc {
    /// `service` for `[service]`; empty for the top of tenantd.toml.
    pub name: &'static str,
    /// It is written as often as there is something to say: `[[limit]]`.
    pub many: bool,
    /// The lines of its documentation.
    pub doc: &'static [&'static str],
    /// Its keys, in order.
    pub keys: &'static [KeyDoc],
}

impl SectionDoc {
    /// As it is written: `[service]`, `[[limit]]`; empty for the top of tenantd.toml.
    pub fn title(&self) -> String {
        match (self.name, self.many) {
            ("", _) => String::new(),
            (name, false) => format!("[{name}]"),
            (name, true) => format!("[[{name}]]"),
        }
    }
}

/// What a key is, for people.
#[derive(Debug, Clone, Copy)]
pub struct KeyDoc {
    /// As it is written.
    pub name: &'static str,
    /// The lines of its documentation.
    pub doc: &'static [&'static str],
    /// What it takes.
    pub kind: Kind,
}

/// A type that is read from a section.
pub(crate) trait Section: Sized {
    /// Its keys and their documentation.
    const DOC: SectionDoc;

    /// Reads every key. What is missing or wrong gets its default; what is wrong is reported.
    fn read(fields: &mut Fields<'_, '_>) -> Self;

    /// The keys whose values are others in `new`, in order.
    fn changed(&self, new: &Self) -> Vec<&'static str>;

    /// Takes over the values of these keys from `new`.
    fn adopt(&mut self, new: &Self, keys: &[&str]);

    /// Every key at its default, without a file.
    fn defaults() -> Self {
        let mut cx = Cx { scope: None, report: &mut Report::default(), key: ("", "") };
        Self::read(&mut Fields::new::<Self>(&Layers::default(), &mut cx))
    }
}

/// The keys of one section over all layers.
pub(crate) struct Fields<'f, 'a> {
    /// In error texts, between brackets.
    name: &'static str,
    /// Where to point for a key that is missing, if it is not the section.
    at: Option<Place>,
    layers: &'f Layers<'f>,
    own: Layers<'f>,
    /// For the defaults that depend on the unit's name.
    pub cx: &'f mut Cx<'a>,
}

impl<'f, 'a> Fields<'f, 'a> {
    /// The section `S` of these layers.
    pub fn new<S: Section>(layers: &'f Layers<'f>, cx: &'f mut Cx<'a>) -> Self {
        Self { name: S::DOC.name, at: None, layers, own: layers.narrowed(S::DOC.name), cx }
    }

    /// One table of many, which stands at `at` and is the only one of `item`. `name`: `[limit]`.
    pub fn item(name: &'static str, at: Place, item: &'f Layers<'f>, cx: &'f mut Cx<'a>) -> Self {
        Self { name, at: Some(at), layers: item, own: item.clone(), cx }
    }

    /// The value of a key; `None` if it is missing, or wrong and reported.
    pub fn value<T: Value>(&mut self, key: &'static str) -> Option<T> {
        self.cx.key = (self.name, key);
        T::merged(self.own.nodes("", key), self.cx)
    }

    /// The same, read by a function of its own.
    pub fn value_with<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Node<'_>, &mut Cx<'_>) -> Option<T>,
    ) -> Option<T> {
        self.cx.key = (self.name, key);
        read(self.own.node("", key)?, self.cx)
    }

    /// Whether the key is written, rightly or wrongly.
    pub fn has(&self, key: &str) -> bool {
        self.own.node("", key).is_some()
    }

    /// The default of a key that has none: a mistake.
    pub fn required<T: Default>(&mut self, key: &'static str, what: &str) -> T {
        if !self.has(key) {
            let place = self.at.unwrap_or_else(|| self.layers.place(self.name, key));
            self.cx.report.error(place, format!("[{}] has no {key}; {what}", self.name));
        }
        T::default()
    }
}

/// Reports the keys of a section that it does not have; `all` are the sections of this kind of file.
pub(crate) fn check_keys(doc: &SectionDoc, all: &[SectionDoc], file: usize, table: &DeTable<'_>, report: &mut Report) {
    for key in table.keys() {
        let (name, place) = (key.get_ref().as_ref(), Place::at(file, key.span().start));
        if doc.keys.iter().any(|known| known.name == name) {
            continue;
        }
        let elsewhere = all.iter().find(|other| other.keys.iter().any(|known| known.name == name));
        let near = hint(name, doc.keys.iter().map(|known| known.name));
        let hint = match elsewhere {
            Some(other) if near.is_empty() => format!("; it belongs {}", whereabouts(other)),
            Some(_) | None => near,
        };
        report.error(place, format!("unknown key \"{name}\" {}{hint}", whereabouts(doc)));
    }
}

/// Reports what does not belong at the top of a file, or of an `[[instance]]`, and the unknown keys of each section.
pub(crate) fn check_sections(top: &[&str], all: &[SectionDoc], file: usize, table: &DeTable<'_>, report: &mut Report) {
    for (key, value) in table {
        let (name, place) = (key.get_ref().as_ref(), Place::at(file, key.span().start));
        let section = all.iter().find(|doc| doc.name == name);
        match (section, value.get_ref()) {
            _ if top.contains(&name) => {}
            _ if all.iter().any(|doc| doc.name.is_empty() && doc.keys.iter().any(|key| key.name == name)) => {}
            (Some(doc), DeValue::Table(table)) if !doc.many => check_keys(doc, all, file, table, report),
            (Some(doc), DeValue::Array(items)) if doc.many && items.iter().all(|item| item.get_ref().is_table()) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                tables.for_each(|table| check_keys(doc, all, file, table, report));
            }
            (Some(doc), DeValue::Table(_) | DeValue::Array(_)) if doc.many => {
                report.error(place, format!("every {name} is a table of its own; write {}", doc.title()));
            }
            (Some(doc), other) => {
                report.error(place, format!("expected a section, {}, found {}", doc.title(), found(other)));
            }
            (None, other) => report.error(place, unknown(name, other, top, all)),
        }
    }
}

fn unknown(name: &str, value: &DeValue<'_>, top: &[&str], all: &[SectionDoc]) -> String {
    let sections = all.iter().map(|doc| doc.name);
    let names = sections.filter(|name| !name.is_empty()).chain(top.iter().copied());
    match all.iter().find(|doc| doc.keys.iter().any(|known| known.name == name)) {
        Some(doc) => format!("\"{name}\" stands outside of a section; it belongs in {}", doc.title()),
        None if name == "instance" => "only a template has instances; rename the file to NAME@.toml".into(),
        None if name == "vars" => "only an instance has vars; move them to its [[instance]]".into(),
        None if value.is_table() => format!("unknown section [{name}]{}", hint(name, names)),
        None => format!("unknown key \"{name}\"{}", hint(name, names)),
    }
}

fn whereabouts(section: &SectionDoc) -> String {
    if section.name.is_empty() { "at the top of the file".into() } else { format!("in {}", section.title()) }
}

/// Declares a configuration type and how it is read:
///
/// ```text
/// section! {
///     /// What the section is.
///     #[derive(Clone)]
///     pub struct Service in "service" (fields) {
///         /// What the key is.
///         exec_start: Vec<String> as command = fields.required("exec_start", "…");
///         kind in "type": ServiceType = ServiceType::Exec;
///     }
/// }
/// ```
///
/// `in` names a key that is no Rust name, `as` a function that reads it; the default comes last, and may use `fields` and
/// the fields above it. `in "limit" [many]` is a section that is written several times, `[[limit]]`.
macro_rules! section {
    (
        $(#[doc = $about:expr])*
        #[derive($($derive:ident),+)]
        pub struct $Section:ident in $name:literal $([$many:ident])? ($fields:ident) {
            $(
                $(#[doc = $doc:expr])*
                $field:ident $(in $key:literal)? : $Type:ty $(as $read:ident)? = $default:expr;
            )+
        }
    ) => {
        $(#[doc = $about])*
        #[derive($($derive),+)]
        pub struct $Section {
            $( $(#[doc = $doc])* pub $field: $Type, )+
        }

        impl $crate::unit::section::Section for $Section {
            const DOC: $crate::unit::section::SectionDoc = $crate::unit::section::SectionDoc {
                name: $name,
                many: $crate::unit::section::section!(@many $($many)?),
                doc: &[$($about),*],
                keys: &[$($crate::unit::section::KeyDoc {
                    name: $crate::unit::section::section!(@key $field $($key)?),
                    doc: &[$($doc),*],
                    kind: $crate::unit::section::section!(@kind $Type $(, $read)?),
                }),+],
            };

            fn read($fields: &mut $crate::unit::section::Fields<'_, '_>) -> Self {
                $(
                    let key = $crate::unit::section::section!(@key $field $($key)?);
                    let read: Option<$Type> = $crate::unit::section::section!(@read $fields key $($read)?);
                    let $field = match read {
                        Some(value) => value,
                        None => $default,
                    };
                )+
                Self { $($field),+ }
            }

            fn changed(&self, new: &Self) -> Vec<&'static str> {
                let all = [$((
                    $crate::unit::section::section!(@key $field $($key)?),
                    self.$field != new.$field,
                )),+];
                all.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
            }

            fn adopt(&mut self, new: &Self, keys: &[&str]) {
                $(
                    if keys.contains(&$crate::unit::section::section!(@key $field $($key)?)) {
                        self.$field.clone_from(&new.$field);
                    }
                )+
            }
        }

        impl Default for $Section {
            fn default() -> Self {
                <Self as $crate::unit::section::Section>::defaults()
            }
        }
    };
    (@many) => { false };
    (@many many) => { true };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@kind $Type:ty) => { <$Type as $crate::unit::value::Value>::KIND };
    (@kind $Type:ty, positive) => { <$Type as $crate::unit::value::Value>::KIND };
    (@kind $Type:ty, $read:ident) => { $crate::unit::Kind::of_reader(stringify!($read)) };
    (@read $fields:ident $name:ident) => { $fields.value($name) };
    (@read $fields:ident $name:ident $read:ident) => { $fields.value_with($name, $read) };
}

pub(crate) use section;
