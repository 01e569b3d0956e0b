//! `tenantd explain [KEY]`: the reference of the configuration, from the declarations that read it.

use std::process::ExitCode;

use serde_json::{Value as Json, json};

use super::ask::{NO_SUCH_UNIT, print_json};
use super::exit_codes;
use crate::config;
use crate::unit::nearest::hint;
use crate::unit::{self, KeyDoc, SectionDoc};

/// The topic that is no part of a file.
const EXIT_CODES: &str = "exit-codes";

/// A section, and the file in which it stands.
#[derive(Clone, Copy)]
struct Place {
    file: &'static str,
    section: &'static SectionDoc,
}

/// What a topic names.
#[derive(Clone, Copy)]
enum Found {
    Section(Place),
    Key(Place, &'static KeyDoc),
}

/// Prints all topics, or what `topic` names: `[service]`, `service.restart`, `restart`, `exit-codes`.
pub(super) fn run(topic: Option<&str>, json: bool) -> ExitCode {
    let found = match topic {
        Some(EXIT_CODES) => return exit_codes::print(json),
        Some(topic) => find(topic),
        None if json => places().map(Found::Section).collect(),
        None => return print(&topics()),
    };
    match topic {
        Some(topic) if found.is_empty() => miss(topic),
        _ if json => print_json(&found.into_iter().map(object).collect::<Vec<_>>()),
        _ => print(&found.into_iter().map(text).collect::<Vec<_>>().join("\n")),
    }
}

fn print(text: &str) -> ExitCode {
    super::print(text);
    ExitCode::SUCCESS
}

fn miss(topic: &str) -> ExitCode {
    let sections = places().map(|place| place.section.name);
    let keys = places().flat_map(|place| place.section.keys.iter().map(|key| key.name));
    let dotted: Vec<String> =
        places().flat_map(|place| place.section.keys.iter().map(move |key| dot(place, key))).collect();
    let names = sections.chain(keys).chain([EXIT_CODES]).chain(dotted.iter().map(String::as_str));
    eprintln!("tenantd: nothing is called \"{topic}\"{}; see tenantd explain", hint(topic, names));
    ExitCode::from(NO_SUCH_UNIT)
}

/// Every section of both kinds of file.
fn places() -> impl Iterator<Item = Place> {
    let of = |file| move |section| Place { file, section };
    config::SECTIONS.iter().map(of("tenantd.toml")).chain(unit::SECTIONS.iter().map(of("units/NAME.toml")))
}

/// `service.restart`; `runtime_directory`, which stands in no section.
fn dot(place: Place, key: &KeyDoc) -> String {
    if place.section.name.is_empty() { key.name.to_owned() } else { format!("{}.{}", place.section.name, key.name) }
}

fn find(topic: &str) -> Vec<Found> {
    let topic = topic.replace("] ", ".").replace("].", ".").replace(['[', ']'], "");
    let sections = places().filter(|place| !topic.is_empty() && place.section.name == topic).map(Found::Section);
    let keys = places().flat_map(|place| place.section.keys.iter().map(move |key| (place, key)));
    let keys = keys.filter(|(place, key)| key.name == topic || dot(*place, key) == topic);
    sections.chain(keys.map(|(place, key)| Found::Key(place, key))).collect()
}

fn topics() -> String {
    let mut text = String::from("tenantd explain KEY says more of each: service, service.restart, restart\n");
    for place in places() {
        text.push_str(&format!("\n{}, {}\n{}", title(place), place.file, lines(place.section.doc, "  ")));
        let keys: Vec<_> = place.section.keys.iter().map(|key| key.name).collect();
        text.push_str(&wrapped(&keys));
    }
    text.push_str("\nexit-codes\n  What every exit code means, of tenantd and of units.\n");
    text
}

/// Words in lines of at most 100 columns.
fn wrapped(words: &[&str]) -> String {
    let mut lines = vec![String::from("   ")];
    for word in words {
        if let Some(line) = lines.last_mut().filter(|line| line.len() + word.len() < 99) {
            line.push_str(&format!(" {word}"));
        } else {
            lines.push(format!("    {word}"));
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn title(place: Place) -> String {
    if place.section.name.is_empty() { "at the top".into() } else { place.section.title() }
}

fn text(found: Found) -> String {
    match found {
        Found::Section(place) => {
            let keys = place.section.keys.iter().map(|key| format!("\n{}\n{}", key.name, about(key)));
            let head = format!("{}, {}\n{}", title(place), place.file, lines(place.section.doc, "  "));
            [head, keys.collect()].concat()
        }
        Found::Key(place, key) => format!("{} {}, {}\n{}", title(place), key.name, place.file, about(key)),
    }
}

/// Documentation and what to write.
fn about(key: &KeyDoc) -> String {
    let takes = key.kind.words().map_or(String::new(), |words| format!("  takes: {words}\n"));
    format!("{}{takes}", lines(key.doc, "  "))
}

fn lines(doc: &[&str], indent: &str) -> String {
    doc.iter().map(|line| format!("{indent}{}\n", line.trim())).collect()
}

fn object(found: Found) -> Json {
    match found {
        Found::Section(place) => {
            let keys: Vec<_> = place.section.keys.iter().map(|key| object(Found::Key(place, key))).collect();
            json!({ "file": place.file, "section": place.section.name, "doc": plain(place.section.doc), "keys": keys })
        }
        Found::Key(place, key) => json!({
            "file": place.file, "section": place.section.name, "key": key.name, "doc": plain(key.doc),
            "takes": key.kind.words(), "schema": key.kind.schema(),
        }),
    }
}

/// Its lines as one text.
pub(super) fn plain(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(topic: &str) -> Vec<String> {
        find(topic).into_iter().filter_map(|found| text(found).lines().next().map(str::to_owned)).collect()
    }

    #[test]
    fn a_topic_is_named_in_several_ways() {
        for topic in ["restart", "service.restart", "[service] restart", "[service].restart"] {
            assert_eq!(titles(topic), ["[service] restart, units/NAME.toml"], "{topic}");
        }
        for topic in ["[route]", "route"] {
            assert_eq!(titles(topic), ["[route], units/NAME.toml"], "{topic}");
        }
        for topic in ["rate", "limit.rate", "[[limit]] rate"] {
            assert_eq!(titles(topic), ["[[limit]] rate, tenantd.toml"], "{topic}");
        }
        let all = titles("path");
        for title in ["[health] path, tenantd.toml", "[[limit]] path, tenantd.toml", "[route] path, units/NAME.toml"] {
            assert!(all.iter().any(|found| found == title), "{title} is not in {all:?}");
        }
        let both = ["at the top runtime_directory, tenantd.toml", "[service] runtime_directory, units/NAME.toml"];
        assert_eq!(titles("runtime_directory"), both);
        assert!(titles("").is_empty() && titles("service.path").is_empty());
    }

    #[test]
    fn every_key_is_told_with_what_it_takes() {
        let all = topics();
        for place in places() {
            for key in place.section.keys {
                assert!(all.contains(key.name) && !find(key.name).is_empty(), "{}", key.name);
                assert!(!plain(key.doc).is_empty(), "{} has no documentation", key.name);
                assert_ne!(key.kind.words(), None, "what {} takes is not told: see unit::Kind", key.name);
            }
        }
        assert!(all.lines().all(|line| line.chars().count() <= 120), "{all}");
    }
}
