//! `tenantd schema`: JSON Schema of the configuration files, for editors, from the declarations that read them.

use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};

use super::ask::print_json;
use super::explain::plain;
use crate::config;
use crate::unit::{self, Kind, SectionDoc};

/// Both files as definitions, or one of them as a schema of its own: `tenantd.toml`, `unit`.
pub(super) fn run(file: Option<&str>) -> ExitCode {
    let schema = match file {
        Some("tenantd.toml" | "tenantd") => whole(daemon()),
        Some("unit") => whole(unit()),
        Some(other) => return super::usage(&format!("schema: \"{other}\" is neither tenantd.toml nor unit")),
        None => whole(json!({
            "anyOf": [{ "$ref": "#/$defs/tenantd.toml" }, { "$ref": "#/$defs/unit" }],
            "$defs": { "tenantd.toml": daemon(), "unit": unit() },
        })),
    };
    print_json(&schema)
}

/// With the dialect's name.
fn whole(mut schema: Json) -> Json {
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema
}

fn daemon() -> Json {
    object("tenantd.toml", properties(config::SECTIONS))
}

/// A unit, or a template with its instances.
fn unit() -> Json {
    let sections = properties(unit::SECTIONS);
    let mut instance = sections.clone();
    instance.insert("name".into(), json!({ "type": "string", "description": "What follows the @ of its name." }));
    instance.insert("vars".into(), Kind::Variables.schema());
    instance.insert("environment".into(), Kind::Variables.schema());
    let mut instance = object("One unit of a template.", instance);
    instance["required"] = json!(["name"]);
    let mut all = sections;
    all.insert("instance".into(), json!({ "type": "array", "items": instance }));
    object("units/NAME.toml, and units/NAME@.toml with [[instance]] tables", all)
}

/// Sections as objects; the keys of the one without a name stand beside them.
fn properties(sections: &[SectionDoc]) -> Map<String, Json> {
    let mut all = Map::new();
    for section in sections {
        let keys = section.keys.iter().map(|key| {
            let mut schema = key.kind.schema();
            schema["description"] = plain(key.doc).into();
            (key.name.to_owned(), schema)
        });
        match section.name {
            "" => all.extend(keys),
            name if section.many => {
                let item = object(&plain(section.doc), keys.collect());
                all.insert(name.to_owned(), json!({ "type": "array", "items": item }));
            }
            name => drop(all.insert(name.to_owned(), object(&plain(section.doc), keys.collect()))),
        }
    }
    all
}

/// An object that takes nothing else, as `tenantd check` has it.
fn object(description: &str, properties: Map<String, Json>) -> Json {
    json!({ "type": "object", "description": description, "properties": properties, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a schema, held against those of the reader's own error text.
    #[test]
    fn words_are_those_that_are_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("units")).unwrap();
        std::fs::write(dir.path().join("tenantd.toml"), "runtime_directory = '/run/t'").unwrap();
        let mut checked = 0;
        for section in unit::SECTIONS {
            for key in section.keys {
                let (words, value) = match key.kind {
                    Kind::Words(words) => (words, "'zzzzzzzzzzzzz'"),
                    Kind::List(Kind::Words(words)) => (*words, "['zzzzzzzzzzzzz']"),
                    _ => continue,
                };
                std::fs::write(dir.path().join("units/a.toml"), format!("[{}]\n{} = {value}", section.name, key.name))
                    .unwrap();
                let all = config::load(dir.path(), &|_| None).unwrap_err();
                let told = all.iter().find(|one| one.message.contains("unknown word")).unwrap().message.clone();
                let read: Vec<_> = told.split('"').skip(3).step_by(2).collect();
                assert!(!read.is_empty() && read.iter().all(|word| words.contains(word)), "{}: {told}", key.name);
                checked += 1;
            }
        }
        assert!(checked >= 5);
    }

    #[test]
    fn every_section_and_key_is_there() {
        let (daemon, unit) = (daemon(), unit());
        for (schema, sections) in [(&daemon, config::SECTIONS), (&unit, unit::SECTIONS)] {
            for section in sections {
                for key in section.keys {
                    let path = match section.name {
                        "" => format!("/properties/{}", key.name),
                        name if section.many => format!("/properties/{name}/items/properties/{}", key.name),
                        name => format!("/properties/{name}/properties/{}", key.name),
                    };
                    let about = schema.pointer(&path).unwrap_or(&Json::Null);
                    assert!(about["description"].is_string(), "{path}");
                }
            }
        }
        assert_eq!(unit.pointer("/properties/instance/items/required"), Some(&json!(["name"])));
    }
}
