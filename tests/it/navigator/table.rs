//! Rows of requests and of what is to be answered, sent to one running tenantd.

use std::collections::BTreeMap;

use crate::client::Reply;
use crate::harness::Init;

/// One request, and all that its answer must have.
pub struct Row {
    /// The section of the facts about Navigator, and what it says.
    fact: &'static str,
    /// `GET /path`.
    request: &'static str,
    fields: Vec<(&'static str, &'static str)>,
    content: &'static [u8],
    status: u16,
    wanted: Vec<Wanted>,
    /// Why ours differs from Navigator on purpose.
    ours: Option<&'static str>,
}

enum Wanted {
    /// The answer's field has this value.
    Field(&'static str, &'static str),
    /// The answer has no such field.
    NoField(&'static str),
    /// The body contains this.
    Body(&'static str),
    /// This tenant answered.
    Tenant(&'static str),
    /// The tenant saw this target.
    Target(&'static str),
    /// The tenant saw this field with this value.
    Seen(&'static str, &'static str),
    /// The tenant did not see this field.
    Unseen(&'static str),
}

/// A request without fields, and the status of its answer.
pub fn row(fact: &'static str, request: &'static str, status: u16) -> Row {
    Row { fact, request, fields: Vec::new(), content: b"", status, wanted: Vec::new(), ours: None }
}

impl Row {
    /// The request has this field.
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.fields.push((name, value));
        self
    }

    /// The request has this body.
    pub fn content(mut self, content: &'static str) -> Self {
        self.content = content.as_bytes();
        self
    }

    fn want(mut self, wanted: Wanted) -> Self {
        self.wanted.push(wanted);
        self
    }

    pub fn field(self, name: &'static str, value: &'static str) -> Self {
        self.want(Wanted::Field(name, value))
    }

    pub fn no_field(self, name: &'static str) -> Self {
        self.want(Wanted::NoField(name))
    }

    pub fn body(self, fragment: &'static str) -> Self {
        self.want(Wanted::Body(fragment))
    }

    pub fn tenant(self, name: &'static str) -> Self {
        self.want(Wanted::Tenant(name))
    }

    pub fn target(self, target: &'static str) -> Self {
        self.want(Wanted::Target(target))
    }

    pub fn seen(self, name: &'static str, value: &'static str) -> Self {
        self.want(Wanted::Seen(name, value))
    }

    pub fn unseen(self, name: &'static str) -> Self {
        self.want(Wanted::Unseen(name))
    }

    /// Ours differs from Navigator, on purpose.
    pub fn ours(mut self, why: &'static str) -> Self {
        self.ours = Some(why);
        self
    }

    /// What is wrong with the answer.
    fn judge(&self, reply: &Reply) -> Vec<String> {
        let mut wrong = Vec::new();
        if reply.status() != self.status {
            wrong.push(format!("status {} instead of {}", reply.status(), self.status));
        }
        wrong.extend(self.wanted.iter().filter_map(|wanted| wanted.missed(reply)));
        wrong
    }
}

impl Wanted {
    fn missed(&self, reply: &Reply) -> Option<String> {
        let differ = |what: &str, found: Option<&str>, wanted: Option<&str>| {
            (found != wanted).then(|| format!("{what}: {found:?} instead of {wanted:?}"))
        };
        let echo: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        match *self {
            Self::Field(name, value) => differ(name, reply.field(name), Some(value)),
            Self::NoField(name) => differ(name, reply.field(name), None),
            Self::Body(text) => (!reply.text().contains(text)).then(|| format!("no {text:?} in {:?}", reply.text())),
            Self::Tenant(name) => differ("tenant", echo["tenant"].as_str(), Some(name)),
            Self::Target(target) => differ("target", echo["target"].as_str(), Some(target)),
            Self::Seen(name, value) => differ(name, seen(&echo).get(name).map(String::as_str), Some(value)),
            Self::Unseen(name) => differ(name, seen(&echo).get(name).map(String::as_str), None),
        }
    }
}

/// The fields that the tenant saw, names in lower case, several of one name joined; none if no tenant answered.
fn seen(echo: &serde_json::Value) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::<String, String>::new();
    for pair in echo["fields"].as_array().into_iter().flatten() {
        let (name, value) = (pair[0].as_str().unwrap_or_default(), pair[1].as_str().unwrap_or_default());
        let entry = seen.entry(name.to_ascii_lowercase()).or_default();
        *entry = if entry.is_empty() { value.to_owned() } else { format!("{entry}, {value}") };
    }
    seen
}

/// Sends every row; all that is wrong is told at once.
#[track_caller]
pub fn check(init: &Init, rows: &[Row]) {
    let mut wrong = String::new();
    for row in rows {
        let (method, target) = row.request.split_once(' ').expect("METHOD TARGET");
        let reply = init.request(method, target, &row.fields, row.content);
        let found = row.judge(&reply);
        if !found.is_empty() {
            let ours = row.ours.map(|why| format!(" (ours: {why})")).unwrap_or_default();
            wrong.push_str(&format!("{}: {}{ours}\n  {}\n", row.fact, row.request, found.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
