//! Rates of requests: token buckets of clients and tenants, in bounded memory, and the limits that count in them. Pure:
//! the time is given.

mod bucket;
mod guesses;
mod prefix;

use std::time::{Duration, Instant};

pub use bucket::Subject;
use bucket::{Buckets, Pace};
pub use guesses::Guesses;

use crate::config::{By, RequestLimit};
use crate::unit::UnitId;

/// All limits, with what they have counted.
#[derive(Debug)]
pub struct Limits {
    all: Vec<Limit>,
    /// Buckets count nanoseconds from here.
    start: Instant,
}

#[derive(Debug)]
struct Limit {
    rule: RequestLimit,
    /// When it was last said that it is exceeded.
    said: Option<u64>,
    pace: Pace,
    buckets: Buckets,
}

/// What a limit wants to know of a request.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who asks.
    pub client: Subject,
    /// Who would answer.
    pub tenant: UnitId,
    /// The tenant's name.
    pub name: &'a str,
    /// Path of its route, with which the target begins.
    pub route: &'a str,
    /// The method.
    pub method: &'a str,
    /// Path and query, as sent.
    pub target: &'a str,
}

/// A request that is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded<'a> {
    /// The limit that it may not pass for longest.
    pub limit: &'a RequestLimit,
    /// When that limit has room for one.
    pub after: Duration,
    /// It is the first in a minute, and worth a word.
    pub news: bool,
}

/// A limit that refuses is named so often in the log.
const MINUTE: u64 = 60_000_000_000;

impl Limits {
    /// No limits.
    pub fn new(start: Instant) -> Self {
        Self { all: Vec::new(), start }
    }

    /// These limits from now on. What a limit has counted stays where its rule is the same.
    pub fn configure(&mut self, rules: &[RequestLimit]) {
        let mut old = std::mem::take(&mut self.all);
        self.all = rules
            .iter()
            .map(|rule| match old.iter().position(|limit| limit.rule == *rule) {
                Some(known) => old.swap_remove(known),
                None => Limit::new(rule.clone()),
            })
            .collect();
    }

    /// There is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Counts a request for every limit that covers it; for none if one of them is exceeded, which is the answer.
    pub fn exceeded(&mut self, asked: Asked<'_>, now: Instant) -> Option<Exceeded<'_>> {
        let now = nanos(now.saturating_duration_since(self.start));
        let covers = self.all.iter().enumerate().filter(|(_, limit)| limit.covers(asked));
        let waits = covers.filter_map(|(index, limit)| Some((limit.wait(asked, now)?, index)));
        if let Some((wait, index)) = waits.max() {
            let Limit { rule, said, .. } = &mut self.all[index];
            let news = said.is_none_or(|said| now - said >= MINUTE);
            *said = if news { Some(now) } else { *said };
            return Some(Exceeded { limit: rule, after: Duration::from_nanos(wait), news });
        }
        for limit in self.all.iter_mut().filter(|limit| limit.covers(asked)) {
            limit.count(asked, now);
        }
        None
    }
}

impl<'a> Asked<'a> {
    /// The target as the tenant alone would see it.
    fn inside(self) -> &'a str {
        self.target.strip_prefix(self.route).unwrap_or(self.target)
    }
}

impl Limit {
    fn new(rule: RequestLimit) -> Self {
        let pace = Pace::new(rule.rate.count, nanos(rule.rate.per), rule.burst);
        Self { rule, said: None, pace, buckets: Buckets::new() }
    }

    fn covers(&self, asked: Asked<'_>) -> bool {
        let RequestLimit { methods, units, path, .. } = &self.rule;
        let as_get = if asked.method == "HEAD" { "GET" } else { asked.method };
        (methods.is_empty() || methods.iter().any(|method| method == asked.method || method == as_get))
            && (units.is_empty() || units.iter().any(|unit| unit.matches(asked.name)))
            && (prefix::covers(path, asked.target) || prefix::covers(path, asked.inside()))
    }

    fn subject(&self, asked: Asked<'_>) -> Subject {
        match self.rule.by {
            By::Client => asked.client,
            By::Tenant => Subject::tenant(asked.tenant),
        }
    }

    /// How long the request would have to wait.
    fn wait(&self, asked: Asked<'_>, now: u64) -> Option<u64> {
        self.pace.take(self.buckets.find(self.subject(asked), now), now).err()
    }

    fn count(&mut self, asked: Asked<'_>, now: u64) {
        let subject = self.subject(asked);
        if let Ok(full) = self.pace.take(self.buckets.find(subject, now), now) {
            self.buckets.set(subject, full, now);
        }
    }
}

/// Enough for 584 years.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Rate;
    use crate::unit::Pattern;

    fn rule(name: &str) -> RequestLimit {
        let rate = Rate { count: 1, per: Duration::from_secs(60) };
        RequestLimit { name: name.into(), rate, burst: 2, ..RequestLimit::default() }
    }

    fn asked(address: &str) -> Asked<'static> {
        let client = Subject::client(address.parse().unwrap());
        Asked {
            client,
            tenant: UnitId::default(),
            name: "web@boston",
            route: "/boston",
            method: "GET",
            target: "/boston",
        }
    }

    fn name(exceeded: Option<Exceeded<'_>>) -> Option<&str> {
        exceeded.map(|exceeded| exceeded.limit.name.as_str())
    }

    #[test]
    fn a_limit_covers_what_it_names() {
        let rules = [
            ("methods", RequestLimit { methods: vec!["POST".into()], ..rule("") }, &[("POST", "/", "a")][..]),
            ("get", RequestLimit { methods: vec!["GET".into()], ..rule("") }, &[("GET", "/", "a"), ("HEAD", "/", "a")]),
            (
                "path",
                RequestLimit { path: "/x".into(), ..rule("") },
                &[("GET", "/x?y", "a"), ("POST", "/boston/x", "a")],
            ),
            ("units", RequestLimit { units: vec![Pattern::new("web@*")], ..rule("") }, &[("GET", "/", "web@a")]),
            ("all", rule(""), &[("GET", "/", "a"), ("BREW", "/y", "b")]),
        ];
        for (what, rule, inside) in rules {
            let open = rule.methods.is_empty() && rule.path.is_empty() && rule.units.is_empty();
            let limit = Limit::new(rule);
            for &(method, target, name) in inside {
                assert!(limit.covers(Asked { method, target, name, ..asked("1.2.3.4") }), "{what} {method} {target}");
            }
            let outside = Asked { method: "DELETE", target: "/other", name: "job", ..asked("1.2.3.4") };
            assert_eq!(limit.covers(outside), open, "{what}");
        }
    }

    #[test]
    fn a_request_that_one_limit_refuses_counts_for_none() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        let narrow = RequestLimit { burst: 1, ..rule("narrow") };
        limits.configure(&[RequestLimit { burst: 2, ..rule("wide") }, RequestLimit { path: "/x".into(), ..narrow }]);
        let to = |target| Asked { target, ..asked("1.2.3.4") };
        assert_eq!(name(limits.exceeded(to("/x"), now)), None);
        for _ in 0..5 {
            let exceeded = limits.exceeded(to("/x"), now).map(|exceeded| (exceeded.limit.name.clone(), exceeded.after));
            assert_eq!(exceeded, Some(("narrow".to_owned(), Duration::from_secs(60))));
        }
        assert_eq!(name(limits.exceeded(to("/y"), now)), None);
        assert_eq!(name(limits.exceeded(to("/y"), now)), Some("wide"));
        assert_eq!(name(limits.exceeded(Asked { target: "/x", ..asked("1.2.3.5") }, now)), None, "another client");
        assert_eq!(name(limits.exceeded(to("/x"), now + Duration::from_secs(60))), None);
    }

    #[test]
    fn a_tenants_limit_counts_its_clients_together() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        limits.configure(&[RequestLimit { by: By::Tenant, ..rule("all") }]);
        assert_eq!(name(limits.exceeded(asked("1.2.3.4"), now)), None);
        assert_eq!(name(limits.exceeded(asked("1.2.3.5"), now)), None);
        assert_eq!(name(limits.exceeded(asked("1.2.3.6"), now)), Some("all"));
        let mut units = slotmap::SlotMap::<UnitId, ()>::with_key();
        assert_eq!(name(limits.exceeded(Asked { tenant: units.insert(()), ..asked("1.2.3.6") }, now)), None);
    }

    #[test]
    fn a_refusal_is_news_once_a_minute() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        limits.configure(&[RequestLimit { burst: 1, ..rule("a") }]);
        let mut news = |seconds: u64| {
            let exceeded = limits.exceeded(asked("1.2.3.4"), now + Duration::from_secs(seconds));
            exceeded.map(|exceeded| exceeded.news)
        };
        let told = [0, 0, 1, 59, 60, 61, 62].map(&mut news);
        assert_eq!(told, [None, Some(true), Some(false), Some(false), None, Some(true), Some(false)]);
    }

    #[test]
    fn a_reload_forgets_nothing_of_a_limit_that_stays() {
        let now = Instant::now();
        let mut limits = Limits::new(now);
        let once = |name| RequestLimit { burst: 1, ..rule(name) };
        limits.configure(&[once("a")]);
        assert_eq!(name(limits.exceeded(asked("1.2.3.4"), now)), None);
        limits.configure(&[once("b"), once("a")]);
        assert_eq!(name(limits.exceeded(asked("1.2.3.4"), now)), Some("a"));
        limits.configure(&[once("b"), RequestLimit { burst: 2, ..rule("a") }]);
        assert_eq!(name(limits.exceeded(asked("1.2.3.4"), now)), None, "another rule begins anew");
        limits.configure(&[]);
        assert!(limits.is_empty());
    }
}
