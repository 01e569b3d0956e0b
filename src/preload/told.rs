//! What a template and its children tell tenantd. Trusted in nothing: bounded, of one line, and refused when in doubt.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::message::{MAX, VERSION};
use super::one_line;

/// Characters of a text for people.
const TEXT: usize = 1000;
/// Characters of a name: of a database, a thread, an engine.
const NAME: usize = 200;
/// Characters of a path, or of a place in the source.
const PATH: usize = 500;
/// Entries of a list for people.
const ENTRIES: usize = 100;
/// Places of one key.
const PLACES: usize = 3;

/// What a template says of itself once it has booted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Ready {
    /// `rails 6.1.7.10, ruby 3.1.2`.
    #[serde(default)]
    pub engine: String,
    /// The schema's version of each database, by its name in the application.
    #[serde(default)]
    pub schema: BTreeMap<String, String>,
    /// Every key read from the environment until now → places in the source, at most three, maybe none. Without keys
    /// that each child reads again. Names are as they came: to be compared, not to be shown.
    pub env: BTreeMap<String, Vec<String>>,
    /// Names of its threads but the main one, which no child has.
    #[serde(default)]
    pub threads: Vec<String>,
    /// Descriptors of databases it holds; with any, no tenant may be forked from it.
    pub databases_open: u64,
    /// Paths that were asked for, and the status of their answers.
    #[serde(default)]
    pub warmed: Vec<(String, u16)>,
    /// Lines for people.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How long it took to get ready.
    #[serde(default)]
    pub seconds: f64,
    /// `env` did not fit: a key that is not in it may have been read.
    #[serde(default)]
    pub truncated: bool,
}

/// What a child says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromChild {
    /// It exists; its pid is in the credentials of the datagram.
    Hello,
    /// It is the tenant now, and runs the server next.
    Bound {
        /// Paths or addresses of its databases.
        databases: Vec<String>,
    },
    /// It is not, and ends.
    Error {
        /// `database`, `schema`, `env`, `user`, `hook`, `fork`, `message`, …
        what: String,
        /// One line for people.
        text: String,
    },
}

/// Why a message is refused, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// Reads a datagram from a template: `ready` is all it says.
pub fn decode_template(bytes: &[u8]) -> Result<Ready, Malformed> {
    match open(bytes)? {
        (name, body) if name == "ready" => Ok(member::<Ready>(&name, body)?.bounded()),
        (name, _) => Err(stranger(&name, "a template")),
    }
}

/// Reads a datagram from a child, or a template's error in a child's place.
pub fn decode_child(bytes: &[u8]) -> Result<FromChild, Malformed> {
    #[derive(Deserialize)]
    struct Bound {
        databases: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Error {
        what: String,
        text: String,
    }
    let (name, body) = open(bytes)?;
    match name.as_str() {
        "hello" => member::<Map<String, Value>>(&name, body).map(|_| FromChild::Hello),
        "bound" => {
            let Bound { databases } = member(&name, body)?;
            Ok(FromChild::Bound { databases: lines(databases, ENTRIES, PATH) })
        }
        "error" => {
            let Error { what, text } = member(&name, body)?;
            Ok(FromChild::Error { what: one_line(&what, NAME), text: one_line(&text, TEXT) })
        }
        _ => Err(stranger(&name, "a child")),
    }
}

impl Ready {
    fn bounded(mut self) -> Self {
        self.engine = one_line(&self.engine, NAME);
        let schema = self.schema.into_iter().take(ENTRIES);
        self.schema = schema.map(|(name, version)| (one_line(&name, NAME), one_line(&version, NAME))).collect();
        for places in self.env.values_mut() {
            *places = lines(std::mem::take(places), PLACES, PATH);
        }
        self.threads = lines(self.threads, ENTRIES, NAME);
        self.warmed.truncate(ENTRIES);
        for (path, _) in &mut self.warmed {
            *path = one_line(path, PATH);
        }
        self.notes = lines(self.notes, ENTRIES, TEXT);
        self.seconds = self.seconds.max(0.0);
        self
    }
}

fn lines(all: Vec<String>, entries: usize, characters: usize) -> Vec<String> {
    all.iter().take(entries).map(|text| one_line(text, characters)).collect()
}

/// The name of the one message in `bytes`, and what it says.
fn open(bytes: &[u8]) -> Result<(String, Value), Malformed> {
    if bytes.len() > MAX {
        return Err(malformed(format_args!("{} bytes; the most is {MAX}", bytes.len())));
    }
    let mut members: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| malformed(format_args!("no JSON object: {error}")))?;
    match members.remove("v") {
        Some(version) if version.as_u64() == Some(VERSION) => {}
        Some(version) => return Err(malformed(format_args!("version {version}; this tenantd speaks {VERSION}"))),
        None => return Err(malformed(format_args!("no version \"v\"; this tenantd speaks {VERSION}"))),
    }
    let count = members.len();
    match members.into_iter().next() {
        Some(only) if count == 1 => Ok(only),
        _ => Err(malformed(format_args!("{count} messages in one; there must be one"))),
    }
}

fn member<T: DeserializeOwned>(name: &str, body: Value) -> Result<T, Malformed> {
    // An array would be taken for the members in their order.
    if !body.is_object() {
        return Err(malformed(format_args!("\"{name}\" is no object")));
    }
    serde_json::from_value(body).map_err(|error| malformed(format_args!("\"{name}\": {error}")))
}

fn stranger(name: &str, whom: &str) -> Malformed {
    malformed(format_args!("\"{}\" is nothing that {whom} says", one_line(name, 50)))
}

fn malformed(reason: fmt::Arguments) -> Malformed {
    Malformed(one_line(&reason.to_string(), NAME))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_is_ready() {
        let text = r#"{"v":1,"ready":{"engine":"rails 6.1.7.10, ruby 3.1.2","schema":{"primary":"20260101000000"},
            "env":{"KEY":["config/initializers/x.rb:3"],"OTHER":[]},"threads":["reaper"],"databases_open":0,
            "warmed":[["/",200],["/x",503]],"notes":["one"],"seconds":4.2,"of_a_later_day":{"x":[1]}}}"#;
        let ready = Ready {
            engine: "rails 6.1.7.10, ruby 3.1.2".to_owned(),
            schema: BTreeMap::from([("primary".to_owned(), "20260101000000".to_owned())]),
            env: BTreeMap::from([
                ("KEY".to_owned(), vec!["config/initializers/x.rb:3".to_owned()]),
                ("OTHER".to_owned(), Vec::new()),
            ]),
            threads: vec!["reaper".to_owned()],
            databases_open: 0,
            warmed: vec![("/".to_owned(), 200), ("/x".to_owned(), 503)],
            notes: vec!["one".to_owned()],
            seconds: 4.2,
            truncated: false,
        };
        assert_eq!(decode_template(text.as_bytes()), Ok(ready));
        let least = decode_template(br#"{"v":1,"ready":{"env":{},"databases_open":2,"truncated":true}}"#);
        assert_eq!(least, Ok(Ready { databases_open: 2, truncated: true, ..Ready::default() }));
    }

    #[test]
    fn children_tell() {
        let error = |what: &str, text: &str| FromChild::Error { what: what.to_owned(), text: text.to_owned() };
        for (text, told) in [
            (r#"{"v":1,"hello":{}}"#, FromChild::Hello),
            (r#"{"hello":{"pid":7},"v":1}"#, FromChild::Hello),
            (
                r#"{"v":1,"bound":{"databases":["/data/a.sqlite3"]}}"#,
                FromChild::Bound { databases: vec!["/data/a.sqlite3".to_owned()] },
            ),
            (r#"{"v":1,"error":{"what":"schema","text":"differs"}}"#, error("schema", "differs")),
            (r#"{"v":1,"error":{"what":"env","text":"a\n\u001b[31mb\u009b"}}"#, error("env", "a  [31mb ")),
        ] {
            assert_eq!(decode_child(text.as_bytes()), Ok(told), "{text}");
        }
    }

    #[test]
    fn all_else_is_refused_and_says_why() {
        let of_template = |bytes: &[u8]| decode_template(bytes).map(drop);
        let of_child = |bytes: &[u8]| decode_child(bytes).map(drop);
        type Decode = fn(&[u8]) -> Result<(), Malformed>;
        let (template, child): (Decode, Decode) = (of_template, of_child);
        for (decode, text, reason) in [
            (child, "", "no JSON object: EOF while parsing a value at line 1 column 0"),
            (child, "[1]", "no JSON object: invalid type: sequence, expected a map at line 1 column 0"),
            (child, r#"{"v":1,"hello":{}}x"#, "no JSON object: trailing characters at line 1 column 19"),
            (child, "\u{0}", "no JSON object: expected value at line 1 column 1"),
            (child, r#"{"hello":{}}"#, "no version \"v\"; this tenantd speaks 1"),
            (child, r#"{"v":2,"hello":{}}"#, "version 2; this tenantd speaks 1"),
            (child, r#"{"v":"1","hello":{}}"#, "version \"1\"; this tenantd speaks 1"),
            (child, r#"{"v":1.0,"hello":{}}"#, "version 1.0; this tenantd speaks 1"),
            (child, r#"{"v":1}"#, "0 messages in one; there must be one"),
            (child, r#"{"v":1,"hello":{},"bound":{}}"#, "2 messages in one; there must be one"),
            (child, r#"{"v":1,"ready":{}}"#, "\"ready\" is nothing that a child says"),
            (child, r#"{"v":1,"a\u0007":{}}"#, "\"a \" is nothing that a child says"),
            (child, r#"{"v":1,"hello":null}"#, "\"hello\" is no object"),
            (child, r#"{"v":1,"bound":[["/x"]]}"#, "\"bound\" is no object"),
            (child, r#"{"v":1,"bound":{}}"#, "\"bound\": missing field `databases`"),
            (
                child,
                r#"{"v":1,"error":{"what":"x","text":7}}"#,
                "\"error\": invalid type: integer `7`, expected a string",
            ),
            (template, r#"{"v":1,"hello":{}}"#, "\"hello\" is nothing that a template says"),
            (template, r#"{"v":1,"ready":{"env":{}}}"#, "\"ready\": missing field `databases_open`"),
            (template, r#"{"v":1,"ready":{"databases_open":0}}"#, "\"ready\": missing field `env`"),
            (
                template,
                r#"{"v":1,"ready":{"env":{},"databases_open":-1}}"#,
                "\"ready\": invalid value: integer `-1`, expected u64",
            ),
            (
                template,
                r#"{"v":1,"ready":{"env":{"A":"x"},"databases_open":0}}"#,
                "\"ready\": invalid type: string \"x\", expected a sequence",
            ),
        ] {
            assert_eq!(decode(text.as_bytes()).unwrap_err().to_string(), reason, "{text}");
        }
        let long = [br#"{"v":1,"hello":{}}"#.as_slice(), &vec![b' '; MAX]].concat();
        assert_eq!(decode_child(&long).unwrap_err().to_string(), "65554 bytes; the most is 65536");
        assert_eq!(decode_child(&long[..MAX]), Ok(FromChild::Hello));
    }

    #[test]
    fn texts_and_lists_have_bounds() {
        let long = "ü".repeat(3000);
        let all: Vec<_> = (0..300).map(|_| "x").collect();
        let body = json!({ "engine": long, "schema": { "a\nb": long }, "env": { "K\n": [long, "b", "c", "d"] },
            "threads": all, "databases_open": 0, "warmed": [["/\u{7}", 200]], "notes": ["a\rb"], "seconds": -1 });
        let ready = decode_template(json!({ "v": 1, "ready": body }).to_string().as_bytes()).unwrap();
        let cut = |characters: usize| format!("{}…", "ü".repeat(characters));
        assert_eq!(ready.engine, cut(NAME));
        assert_eq!(ready.schema, BTreeMap::from([("a b".to_owned(), cut(NAME))]));
        assert_eq!(ready.env["K\n"], [cut(PATH), "b".to_owned(), "c".to_owned()]);
        assert_eq!(ready.threads.len(), ENTRIES);
        assert_eq!((ready.warmed[0].0.as_str(), ready.notes[0].as_str(), ready.seconds), ("/ ", "a b", 0.0));
    }

    fn envelopes() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["ready", "hello", "bound", "error", "go"]);
        let body = prop_oneof![
            Just(r#"{"env":{},"databases_open":0}"#.to_owned()),
            "[\\[\\]{}\",:a-z0-9\u{0}-\u{1f}]{0,40}",
            any::<Vec<String>>().prop_map(|all| json!({ "databases": all }).to_string()),
            any::<(String, String)>().prop_map(|(what, text)| json!({ "what": what, "text": text }).to_string()),
        ];
        (0..3_u8, name, body).prop_map(|(v, name, body)| format!(r#"{{"v":{v},"{name}":{body}}}"#))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bytes_are_read_or_refused_in_one_line(
            bytes in prop_oneof![any::<Vec<u8>>(), envelopes().prop_map(String::into_bytes)],
        ) {
            let plain = |text: &str| text.chars().count() <= TEXT + 1 && !text.contains(char::is_control);
            if let Err(error) = decode_template(&bytes) {
                prop_assert!(plain(&error.to_string()));
            }
            let told = match decode_child(&bytes) {
                Ok(FromChild::Hello) => Vec::new(),
                Ok(FromChild::Bound { databases }) => databases,
                Ok(FromChild::Error { what, text }) => vec![what, text],
                Err(error) => vec![error.to_string()],
            };
            prop_assert!(told.iter().all(|text| plain(text)), "{told:?}");
        }

        #[test]
        fn what_was_bounded_is_read_as_it_is(
            engine in any::<String>(), env in any::<BTreeMap<String, Vec<String>>>(), databases_open in any::<u64>(),
            warmed in any::<Vec<(String, u16)>>(), notes in any::<Vec<String>>(), truncated in any::<bool>(),
        ) {
            let ready = Ready { engine, env, databases_open, warmed, notes, truncated, ..Ready::default() }.bounded();
            let bytes = json!({ "v": 1, "ready": ready }).to_string();
            if bytes.len() <= MAX {
                prop_assert_eq!(decode_template(bytes.as_bytes()), Ok(ready));
            }
        }
    }
}
