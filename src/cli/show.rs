//! `show`: every property of units, or of the daemon, as systemctl(1) shows them.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value as Json};

use super::ask::{self, ask, print_json, unexpected};
use super::options::Options;
use super::{cat, print};
use crate::control::{Answer, Request};

type Properties = Vec<(String, String)>;

/// Prints them: one object for each unit, or lines with an empty one between two units.
pub(super) fn run(directory: &Path, words: &[&str], options: &Options, json: bool) -> ExitCode {
    let names = match ask::names(directory, words) {
        Ok(names) => names,
        Err(code) => return code,
    };
    let wanted = if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
    let mut all = Vec::new();
    for unit in wanted {
        let files = unit.as_deref().map(|unit| files(directory, unit)).unwrap_or_default();
        match ask(directory, &Request::Show { unit }) {
            Ok(Answer::Properties { properties }) => {
                all.push(chosen(properties.into_iter().chain(files).collect(), &options.properties));
            }
            other => return unexpected(other),
        }
    }
    if json {
        let mut objects = all.into_iter().map(object);
        return match words {
            [_, _, ..] => print_json(&objects.collect::<Vec<_>>()),
            _ => print_json(&objects.next()),
        };
    }
    print(&all.iter().map(|properties| lines(properties, options.has("value"))).collect::<Vec<_>>().join("\n"));
    ExitCode::SUCCESS
}

/// Where the unit stands on disk: the daemon does not look there again.
fn files(directory: &Path, unit: &str) -> Properties {
    let mut files = cat::files(directory, unit).into_iter().map(|path| path.display().to_string());
    let fragment = files.next().unwrap_or_default();
    vec![("FragmentPath".into(), fragment), ("DropInPaths".into(), files.collect::<Vec<_>>().join(" "))]
}

/// In the order in which they were asked for; all if none was.
fn chosen(properties: Properties, names: &[String]) -> Properties {
    if names.is_empty() {
        return properties;
    }
    names.iter().filter_map(|name| properties.iter().find(|(key, _)| key == name).cloned()).collect()
}

fn lines(properties: &Properties, bare: bool) -> String {
    let line = |(name, value): &(String, String)| if bare { format!("{value}\n") } else { format!("{name}={value}\n") };
    properties.iter().map(line).collect()
}

fn object(properties: Properties) -> Json {
    Json::Object(properties.into_iter().map(|(name, value)| (name, value.into())).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_in_the_order_asked_for() {
        let all: Properties = [("A", "1"), ("B", "2")].map(|(name, value)| (name.into(), value.into())).into();
        let names = ["B".to_owned(), "Nothing".to_owned(), "A".to_owned()];
        assert_eq!(lines(&chosen(all.clone(), &names), false), "B=2\nA=1\n");
        assert_eq!(lines(&chosen(all.clone(), &[]), true), "1\n2\n");
    }
}
