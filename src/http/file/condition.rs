//! Conditional requests (RFC 9110 §13): whether a file is sent whole, in part, or not at all.

use std::ops::Range;

use httpdate::HttpDate;

use super::super::fields::Fields;
use super::range::{Asked, parse_range};
use super::tag::{http_date, parse_date};

/// What tells two states of a file apart.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// The entity tag with its quotes, and `W/` if it is weak; empty if there is none.
    pub tag: &'a [u8],
    /// Last-Modified.
    pub modified: Option<HttpDate>,
}

/// What is sent of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it: 200.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// The client has it: 304.
    NotModified,
    /// It is not what the client believes: 412.
    Failed,
    /// There are no such bytes: 416.
    Unsatisfiable,
}

impl Verdict {
    /// The bytes that are sent of a file of `len` bytes.
    pub fn span(&self, len: u64) -> Range<u64> {
        match self {
            Self::Whole => 0..len,
            Self::Part(part) => part.clone(),
            Self::NotModified | Self::Failed | Self::Unsatisfiable => 0..0,
        }
    }
}

/// Decides about a GET, or a HEAD, for which ranges mean nothing (RFC 9110 §14.2). In the order of RFC 9110 §13.2.2.
/// `now` in Unix seconds: a date that is as new as this one is a weak validator (§8.8.2.2).
pub fn judge(fields: &Fields<'_>, is_get: bool, validators: &Validators<'_>, len: u64, now: u64) -> Verdict {
    let asked = Conditions::of(fields);
    let fails = match (asked.has_match, asked.unmodified_since) {
        (true, _) => !any_matches(fields, b"if-match", validators.tag, true),
        (false, Value::One(date)) => is_newer(validators.modified, date).unwrap_or(false),
        (false, _) => false,
    };
    if fails {
        return Verdict::Failed;
    }
    let known = match (asked.has_none_match, asked.modified_since) {
        (true, _) => any_matches(fields, b"if-none-match", validators.tag, false),
        (false, Value::One(date)) => is_newer(validators.modified, date) == Some(false),
        (false, _) => false,
    };
    if known {
        return Verdict::NotModified;
    }
    let in_part = is_get && asked.range_is_for(validators, now);
    match asked.range {
        Value::One(range) if in_part => match parse_range(range, len) {
            Asked::Whole => Verdict::Whole,
            Asked::Part(part) => Verdict::Part(part),
            Asked::Unsatisfiable => Verdict::Unsatisfiable,
        },
        _ => Verdict::Whole,
    }
}

/// The value of a field that may be there once.
#[derive(Debug, Clone, Copy, Default)]
enum Value<'b> {
    #[default]
    None,
    One(&'b [u8]),
    /// More than one says nothing.
    Many,
}

impl<'b> Value<'b> {
    fn note(&mut self, value: &'b [u8]) {
        *self = if matches!(self, Self::None) { Self::One(value) } else { Self::Many };
    }
}

/// The conditions of a request, found in one pass.
#[derive(Default)]
struct Conditions<'b> {
    has_match: bool,
    has_none_match: bool,
    modified_since: Value<'b>,
    unmodified_since: Value<'b>,
    range: Value<'b>,
    if_range: Value<'b>,
}

impl<'b> Conditions<'b> {
    fn of(fields: &Fields<'b>) -> Self {
        let mut found = Self::default();
        for line in fields.lines() {
            let is = |name: &[u8]| line.name.eq_ignore_ascii_case(name);
            match line.name.len() {
                5 if is(b"range") => found.range.note(line.value),
                8 if is(b"if-match") => found.has_match = true,
                8 if is(b"if-range") => found.if_range.note(line.value),
                13 if is(b"if-none-match") => found.has_none_match = true,
                17 if is(b"if-modified-since") => found.modified_since.note(line.value),
                19 if is(b"if-unmodified-since") => found.unmodified_since.note(line.value),
                _ => {}
            }
        }
        found
    }

    /// If-Range (RFC 9110 §13.1.5): the range is of the very state that the client has a part of.
    fn range_is_for(&self, validators: &Validators<'_>, now: u64) -> bool {
        match self.if_range {
            Value::None => true,
            Value::Many => false,
            Value::One(value) if value.contains(&b'"') => {
                !value.starts_with(b"W/") && !value.is_empty() && value == validators.tag
            }
            Value::One(value) => {
                let strong = validators.modified.filter(|modified| *modified < http_date(now));
                strong.is_some() && strong == parse_date(value)
            }
        }
    }
}

/// Was it changed after this date? `None` if that cannot be told, which leaves the condition out.
fn is_newer(modified: Option<HttpDate>, date: &[u8]) -> Option<bool> {
    Some(modified? > parse_date(date)?)
}

/// Does a list of entity tags hold this one, or is it `*`? Strong comparison takes no weak tag (RFC 9110 §8.8.3.2).
fn any_matches(fields: &Fields<'_>, name: &[u8], tag: &[u8], strong: bool) -> bool {
    let mut lines = fields.lines().filter(|line| line.name.eq_ignore_ascii_case(name));
    lines.any(|line| line.value == b"*" || list_holds(line.value, tag, strong))
}

fn list_holds(mut list: &[u8], tag: &[u8], strong: bool) -> bool {
    let (weak, opaque) = split_weak(tag);
    if opaque.is_empty() || (weak && strong) {
        return false;
    }
    loop {
        list = list.trim_ascii_start();
        if let [b',', after @ ..] = list {
            list = after;
            continue;
        }
        let (weak, rest) = split_weak(list);
        // What is no tag ends the list: it cannot be told where the next one begins.
        let [b'"', after @ ..] = rest else { return false };
        let Some(end) = memchr::memchr(b'"', after) else { return false };
        let (candidate, after) = rest.split_at(end + 2);
        if candidate == opaque && !(weak && strong) {
            return true;
        }
        list = after;
    }
}

fn split_weak(tag: &[u8]) -> (bool, &[u8]) {
    tag.strip_prefix(b"W/").map_or((false, tag), |tag| (true, tag))
}
