//! What a new tenantd.toml means for a daemon that runs: which keys count from now on, and which need a restart. Pure.

use super::{Auth, Bots, Config, Control, Health, Http, Log, Maintenance, Pool, Shutdown, Static};
use crate::unit::section::Section;

/// The keys that have changed, as `[http] listen`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// They count from now on.
    pub live: Vec<String>,
    /// They count when tenantd is started again.
    pub restart: Vec<String>,
}

/// Keys that are used once, at the start of tenantd, by section. All others count from now on.
const AT_START: [(&str, &str); 4] =
    [("", "runtime_directory"), ("http", "listen"), ("http", "listen_proxy_protocol"), ("control", "mode")];

impl Config {
    /// What is different in `new`.
    pub fn difference(&self, new: &Self) -> Difference {
        let mut found = Difference::default();
        let runtime = (self.runtime_directory != new.runtime_directory).then_some("runtime_directory");
        found.add("", runtime);
        found.add(Http::DOC.name, self.http.changed(&new.http));
        found.add("", (self.limits != new.limits).then_some("[[limit]]"));
        found.add("", (self.proxies != new.proxies).then_some("[[proxy]]"));
        found.add("", (self.scripts != new.scripts).then_some("[[cgi]]"));
        found.add("", (self.redirects != new.redirects).then_some("[[redirect]]"));
        found.add("", (self.rewrites != new.rewrites).then_some("[[rewrite]]"));
        found.add(Bots::DOC.name, self.bots.changed(&new.bots));
        found.add(Health::DOC.name, self.health.changed(&new.health));
        found.add(Static::DOC.name, self.files.changed(&new.files));
        found.add("", (self.cache != new.cache).then_some("[[cache]]"));
        found.add(Maintenance::DOC.name, self.maintenance.changed(&new.maintenance));
        self.fleet.difference(&new.fleet, &mut found);
        found.add(Auth::DOC.name, self.auth.changed(&new.auth));
        found.add(Pool::DOC.name, self.pool.changed(&new.pool));
        found.add(Shutdown::DOC.name, self.shutdown.changed(&new.shutdown));
        found.add(Log::DOC.name, self.log.changed(&new.log));
        found.add(Control::DOC.name, self.control.changed(&new.control));
        found
    }

    /// Takes over from `new` all that counts from now on.
    pub fn adopt(&mut self, new: Self) {
        let listen = std::mem::take(&mut self.http.listen);
        let listen_proxy_protocol = std::mem::take(&mut self.http.listen_proxy_protocol);
        let (runtime_directory, control) = (std::mem::take(&mut self.runtime_directory), self.control);
        let http = Http { listen, listen_proxy_protocol, ..new.http };
        *self = Self { runtime_directory, control, http, ..new };
    }
}

impl Difference {
    fn add(&mut self, section: &str, keys: impl IntoIterator<Item = &'static str>) {
        for key in keys {
            let name = if section.is_empty() { key.to_owned() } else { format!("[{section}] {key}") };
            let waits = AT_START.contains(&(section, key));
            if waits { self.restart.push(name) } else { self.live.push(name) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SECTIONS;

    /// Keys that count from now on: a new key belongs here, and to whom it concerns, or into `AT_START`.
    const LIVE: &[(&str, &[&str])] = &[
        (
            "http",
            &[
                "trusted_proxies",
                "waiting",
                "never_wake",
                "traceparent",
                "timeout_head",
                "timeout_keep_alive",
                "timeout_response",
                "timeout_body",
                "timeout_tunnel",
                "body_rate",
                "connections_per_client",
            ],
        ),
        ("limit", &["name", "rate", "burst", "by", "path", "methods", "units"]),
        ("health", &["path", "ready", "status", "body", "content_type", "unit"]),
        ("static", &["root", "prefix", "try_files", "extensions", "trailing_slash", "max_age", "immutable"]),
        ("cache", &["path", "max_age", "immutable"]),
        ("maintenance", &["enabled", "page", "until_ready", "retry_after"]),
        (
            "proxy",
            &[
                "name",
                "path",
                "pattern",
                "methods",
                "target",
                "targets",
                "strip",
                "headers",
                "response_headers",
                "websocket",
                "authorization",
                "preserve_host",
                "health_path",
                "health_interval",
                "timeout_connect",
                "timeout_response",
                "timeout_idle",
                "connections",
                "ca_file",
            ],
        ),
        (
            "cgi",
            &[
                "path",
                "exec",
                "methods",
                "user",
                "group",
                "allowed_users",
                "environment",
                "pass_environment",
                "working_directory",
                "timeout",
                "reload_config",
                "memory_max",
                "running",
            ],
        ),
        ("redirect", &["from", "to", "status", "methods", "host"]),
        ("rewrite", &["from", "to", "methods"]),
        ("bots", &["action", "agents"]),
        ("machine", &["id", "region", "app"]),
        (
            "replay",
            &[
                "path", "pattern", "app", "region", "machine", "prefer", "status", "methods", "timeout", "fallback",
                "port",
            ],
        ),
        (
            "sticky",
            &[
                "name",
                "max_age",
                "secure",
                "http_only",
                "same_site",
                "path",
                "paths",
                "secret_file",
                "secret_env",
                "via",
                "target",
                "machines",
            ],
        ),
        ("placement", &["machines", "file", "by", "via", "target"]),
        ("place", &["units", "machine"]),
        ("variant", &["name", "units", "to", "share", "cookie", "header", "query"]),
        ("auth", &["htpasswd", "realm", "public", "exclude", "plain"]),
        ("pool", &["boots", "running"]),
        ("shutdown", &["budget"]),
        ("log", &["access", "timestamps"]),
    ];

    #[test]
    fn every_key_is_classified() {
        for (section, key) in SECTIONS.iter().flat_map(|doc| doc.keys.iter().map(|key| (doc.name, key.name))) {
            let live = LIVE.iter().any(|(name, keys)| *name == section && keys.contains(&key));
            assert!(live != AT_START.contains(&(section, key)), "[{section}] {key}: does it count at once?");
        }
    }

    #[test]
    fn what_counts_at_once_is_adopted() {
        let mut old = Config::default();
        let mut new = Config { runtime_directory: "/other".into(), ..Config::default() };
        new.http.listen.clear();
        new.http.timeout_head *= 2;
        new.log.access = false;
        new.limits.push(super::super::RequestLimit::default());
        let found = old.difference(&new);
        assert_eq!(found.live, ["[http] timeout_head", "[[limit]]", "[log] access"]);
        assert_eq!(found.restart, ["runtime_directory", "[http] listen"]);
        old.adopt(new.clone());
        assert_eq!(old.difference(&new), Difference { live: Vec::new(), ..found });
    }
}
