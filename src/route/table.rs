//! Which tenant a path belongs to: the one with the host before one without, then the longest path prefix.

use std::collections::HashMap;

use crate::unit::{Route, UnitId};

/// The routes of all tenants. The one with the host wins over one without, then the longest path prefix.
#[derive(Debug, Default)]
pub(super) struct Table {
    hosts: HashMap<String, Prefixes>,
    anywhere: Prefixes,
}

/// Path prefixes of one host.
#[derive(Debug, Default)]
struct Prefixes {
    tenants: HashMap<String, UnitId>,
    longest: usize,
}

impl Table {
    /// Adds a tenant's route.
    pub fn insert(&mut self, route: &Route, unit: UnitId) {
        let prefixes = match &route.host {
            Some(host) => self.hosts.entry(host.clone()).or_default(),
            None => &mut self.anywhere,
        };
        prefixes.longest = prefixes.longest.max(route.path.len());
        prefixes.tenants.insert(route.path.clone(), unit);
    }

    /// Takes the routes of a unit out.
    pub fn remove(&mut self, unit: UnitId) {
        self.anywhere.remove(unit);
        self.hosts.retain(|_, prefixes| {
            prefixes.remove(unit);
            !prefixes.tenants.is_empty()
        });
    }

    /// The tenant of this host (as sent, a port is ignored) and path.
    pub fn find(&self, host: &str, path: &str) -> Option<UnitId> {
        let by_host = if self.hosts.is_empty() { None } else { self.host(host).and_then(|p| p.find(path)) };
        by_host.or_else(|| self.anywhere.find(path))
    }

    fn host(&self, host: &str) -> Option<&Prefixes> {
        let name = bare(host);
        match name.bytes().any(|b| b.is_ascii_uppercase()) {
            true => self.hosts.get(&name.to_ascii_lowercase()),
            false => self.hosts.get(name),
        }
    }
}

impl Prefixes {
    fn remove(&mut self, unit: UnitId) {
        self.tenants.retain(|_, tenant| *tenant != unit);
        self.longest = self.tenants.keys().map(String::len).max().unwrap_or(0);
    }

    /// The longest prefix of whole segments.
    fn find(&self, path: &str) -> Option<UnitId> {
        let end = path.len().min(self.longest + 1);
        let bytes = path.as_bytes();
        (0..=end)
            .rev()
            .filter(|&at| at == path.len() || bytes[at] == b'/')
            .find_map(|at| self.tenants.get(path.get(..at)?).copied())
    }
}

/// A Host as sent is this name, which is in lower case.
pub(super) fn is_host(sent: &str, name: &str) -> bool {
    bare(sent).eq_ignore_ascii_case(name)
}

/// A Host without its port and the dot at its end.
fn bare(host: &str) -> &str {
    let name = without_port(host);
    name.strip_suffix('.').unwrap_or(name)
}

/// `example.com:3000` → `example.com`; `[::1]:80` → `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    fn table() -> (Table, Vec<UnitId>) {
        let mut keys: SlotMap<UnitId, ()> = SlotMap::with_key();
        let routes = [
            (None, "/showcase/2025/boston"),
            (None, "/showcase"),
            (Some("nyc.example.com"), ""),
            (Some("nyc.example.com"), "/admin"),
            (Some("[::1]"), "/six"),
        ];
        let mut table = Table::default();
        let ids = routes.map(|(host, path)| {
            let id = keys.insert(());
            let route = Route { host: host.map(str::to_owned), path: path.to_owned(), ..Route::default() };
            table.insert(&route, id);
            id
        });
        (table, ids.to_vec())
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_wins() {
        let (table, ids) = table();
        let cases = [
            ("x", "/showcase/2025/boston", Some(0)),
            ("x", "/showcase/2025/boston/", Some(0)),
            ("x", "/showcase/2025/boston/heats/1", Some(0)),
            ("x", "/showcase/2025/bostonian", Some(1)),
            ("x", "/showcase/2025", Some(1)),
            ("x", "/showcase/", Some(1)),
            ("x", "/showcases", None),
            ("x", "/", None),
            ("x", "*", None),
            ("nyc.example.com", "/", Some(2)),
            ("NYC.Example.com:3000", "/any", Some(2)),
            ("nyc.example.com.", "*", None),
            ("nyc.example.com", "/admin/x", Some(3)),
            ("nyc.example.com", "/showcase/2025/boston", Some(2)),
            ("[::1]:80", "/six/x", Some(4)),
            ("[::1]", "/seven", None),
        ];
        for (host, path, tenant) in cases {
            assert_eq!(table.find(host, path), tenant.map(|n: usize| ids[n]), "{host} {path}");
        }
    }

    #[test]
    fn a_route_goes_and_the_others_stay() {
        let (mut table, ids) = table();
        table.remove(ids[0]);
        table.remove(ids[3]);
        assert_eq!(table.find("x", "/showcase/2025/boston"), Some(ids[1]));
        assert_eq!(table.find("nyc.example.com", "/admin/x"), Some(ids[2]));
        table.remove(ids[2]);
        assert_eq!(table.find("nyc.example.com", "/admin/x"), None);
        // What another has taken over is not taken from it.
        let taken = Route { host: None, path: "/showcase".to_owned(), ..Route::default() };
        table.insert(&taken, ids[4]);
        table.remove(ids[1]);
        assert_eq!(table.find("x", "/showcase"), Some(ids[4]));
    }
}
