//! What a key takes, for people and for editors: the shape of a value, not its meaning. Reads nothing.

use serde_json::{Value as Json, json};

/// The shape of a value in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not told.
    Any,
    /// `true` or `false`.
    Boolean,
    /// 0 to 4294967295.
    Integer,
    /// A whole number from the first to the second.
    Between(i32, i32),
    /// A string; specifiers are expanded in units.
    Text,
    /// `"90s"`, or a number of seconds.
    Duration,
    /// The same, or `"infinity"`.
    Limit,
    /// `"512M"`, a number of bytes, or `"infinity"`.
    Size,
    /// One value or `"soft:hard"`.
    Rlimit,
    /// One of these words.
    Words(&'static [&'static str]),
    /// `true`, `false`, or a path.
    BooleanOrPath,
    /// An array.
    List(&'static Kind),
    /// One, or an array of them.
    OneOrMore(&'static Kind),
    /// `{ NAME = "value" }`.
    Variables,
    /// An array of words, or a string that is split into words.
    Command,
    /// One command as a string, or an array of commands.
    Commands,
    /// Permission bits: `"0660"` or `0o660`.
    Mode,
    /// A name, or a number.
    Signal,
    /// An exit code, or the name of a signal.
    ExitStatus,
    /// `"10/s"`: requests in a time.
    Rate,
}

impl Kind {
    /// What to write, for people; `None` where nothing is told.
    pub fn words(self) -> Option<String> {
        Some(match self {
            Self::Any => return None,
            Self::Boolean => "true or false".into(),
            Self::Integer => "a whole number".into(),
            Self::Between(least, most) => format!("a whole number from {least} to {most}"),
            Self::Text => "a string".into(),
            Self::Duration => "a duration: \"90s\", \"1m30s\", or a number of seconds".into(),
            Self::Limit => "a duration such as \"90s\", or \"infinity\"".into(),
            Self::Size => "a number, a size with K, M, G or T such as \"512M\", or \"infinity\"".into(),
            Self::Rlimit => "one value for both limits, or \"soft:hard\"; each may be \"infinity\"".into(),
            Self::Words(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", "),
            Self::BooleanOrPath => "true, false, or a path such as \"/api\"".into(),
            Self::List(item) => format!("an array; each item: {}", item.words()?),
            Self::OneOrMore(item) => format!("one, or an array of them: {}", item.words()?),
            Self::Variables => "a table: { NAME = \"value\" }".into(),
            Self::Command => "an array of words, or a string that is split into words".into(),
            Self::Commands => "one command as a string, or an array of commands".into(),
            Self::Mode => "permission bits: \"0660\" or 0o660".into(),
            Self::Signal => "a signal: \"SIGTERM\", \"RTMIN+3\", or its number".into(),
            Self::Rate => "a rate: \"10/s\", \"600/m\" or \"1000/h\"".into(),
            Self::ExitStatus => "an exit code (75), or a signal (\"SIGUSR1\")".into(),
        })
    }

    /// JSON Schema of the value. Never narrower than what is read.
    pub fn schema(self) -> Json {
        let text = || json!({ "type": "string" });
        match self {
            Self::Any => json!({}),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::Integer => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            Self::Text => text(),
            Self::Duration | Self::Limit => {
                json!({ "type": ["string", "integer"], "minimum": 0, "examples": ["90s", "1m30s", "250ms"] })
            }
            Self::Between(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Self::Size | Self::Rlimit => json!({ "type": ["string", "integer"], "minimum": 0 }),
            Self::Words(words) => json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": "[%$]" }] }),
            Self::BooleanOrPath => json!({ "type": ["boolean", "string"] }),
            Self::List(item) => json!({ "type": "array", "items": item.schema() }),
            Self::OneOrMore(item) => json!({ "anyOf": [item.schema(), Self::List(item).schema()] }),
            Self::Variables => json!({ "type": "object", "additionalProperties": text() }),
            Self::Command => json!({ "type": ["string", "array"], "items": text(), "minItems": 1 }),
            Self::Commands => json!({ "type": ["string", "array"], "items": Self::Command.schema() }),
            Self::Mode => json!({ "type": ["string", "integer"], "pattern": "^[0-7]{1,4}$" }),
            Self::Signal => json!({ "type": ["string", "integer"], "minimum": 1, "maximum": 64 }),
            Self::Rate => json!({ "type": "string", "pattern": "^[0-9]+/[smh]$" }),
            Self::ExitStatus => json!({ "type": ["string", "integer"], "minimum": 0, "maximum": 255 }),
        }
    }

    /// What a function that reads a key (`as command`) takes: by its name, so that a key names it once.
    pub(crate) const fn of_reader(name: &str) -> Self {
        match name.as_bytes() {
            b"command" => Self::Command,
            b"commands" => Self::Commands,
            b"mode" | b"umask" => Self::Mode,
            b"nice" => Self::Between(-20, 19),
            b"points" => Self::Between(-1000, 1000),
            b"weight" => Self::Between(1, 10_000),
            b"memory" | b"tasks" => Self::Size,
            b"count_limit" | b"byte_limit" | b"time_limit" => Self::Rlimit,
            b"groups" | b"directories" | b"methods" | b"patterns" | b"roots" | b"suffixes" | b"extensions"
            | b"public" | b"expressions" => Self::List(&Self::Text),
            b"accel" => Self::Variables,
            b"some_age" => Self::Duration,
            b"status" => Self::Between(200, 599),
            b"addresses" | b"more_addresses" => Self::OneOrMore(&Self::Text),
            b"variables" => Self::List(&Self::Text),
            b"some_positive" => Self::Integer,
            b"replay_status" => Self::Between(200, 599),
            b"port" => Self::Between(1, 65_535),
            b"percent" => Self::Between(0, 100),
            b"fallback" => Self::Words(&["force_self", "prefer_self", "none"]),
            b"labels" | b"warm_paths" => Self::List(&Self::Text),
            b"label" | b"some_label" | b"regions" | b"target" | b"cookie" | b"header" | b"query" | b"variable" => {
                Self::Text
            }
            b"cookie_path" => Self::Text,
            b"some_path" | b"content_type" | b"beginning" | b"expression" | b"url" | b"health_path"
            | b"authorities" => Self::Text,
            b"urls" => Self::List(&Self::Text),
            b"request_fields" | b"answer_fields" => Self::Variables,
            b"choice" => Self::Boolean,
            b"span" => Self::Duration,
            b"moved" => Self::Integer,
            b"user" | b"group" | b"quota" | b"host" | b"path" | b"line" | b"root" | b"token" | b"realm"
            | b"own_realm" | b"script_path" => Self::Text,
            _ => Self::Any,
        }
    }
}
