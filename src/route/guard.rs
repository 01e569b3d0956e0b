//! Who has to say a name and a password for a path (`[auth]`, `[route] realm`). Pure; never whether the password is right.

use std::path::{Path, PathBuf};

use regex::bytes::RegexSet;
use slotmap::SecondaryMap;

use crate::config::Auth;
use crate::unit::route::OFF;
use crate::unit::{Route, UnitId};

/// The rules, compiled.
#[derive(Debug)]
pub struct Guard {
    /// Paths that everybody may see.
    open: RegexSet,
    realm: String,
    file: Option<PathBuf>,
    /// Tenants with rules of their own.
    own: SecondaryMap<UnitId, Own>,
}

/// What a route says itself.
#[derive(Debug)]
struct Own {
    realm: Option<String>,
    file: Option<PathBuf>,
}

/// Whether a path is everybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'g> {
    /// It is.
    Open,
    /// Only those of this realm may see it.
    Locked(Realm<'g>),
}

/// Whose names and passwords count, and how it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Realm<'g> {
    /// What the browser shows.
    pub name: &'g str,
    /// The file of names and passwords; without one nobody gets in.
    pub file: Option<&'g Path>,
}

impl Default for Guard {
    /// All is everybody's.
    fn default() -> Self {
        Self { open: RegexSet::empty(), realm: OFF.to_owned(), file: None, own: SecondaryMap::new() }
    }
}

impl Guard {
    /// `[auth]` from now on; what routes say stays.
    pub fn configure(&mut self, auth: &Auth) {
        // What is too much was refused when it was read; without it less is open, not more.
        self.open = auth.open().unwrap_or_else(|_| RegexSet::empty());
        self.realm.clone_from(&auth.realm);
        self.file.clone_from(&auth.htpasswd);
    }

    /// A tenant's route from now on.
    pub fn insert(&mut self, route: &Route, unit: UnitId) {
        let own = Own { realm: route.realm.clone(), file: route.htpasswd.clone() };
        match own {
            Own { realm: None, file: None } => self.own.remove(unit),
            own => self.own.insert(unit, own),
        };
    }

    /// The tenant is no more.
    pub fn remove(&mut self, unit: UnitId) {
        self.own.remove(unit);
    }

    /// Some tenants have rules of their own.
    pub fn asks_tenants(&self) -> bool {
        !self.own.is_empty()
    }

    /// Whether a path, decoded and without dot segments, is everybody's. `unit`: the tenant whose route it lies in.
    pub fn access(&self, path: &[u8], unit: Option<UnitId>) -> Access<'_> {
        match self.realm(unit) {
            Some(realm) if !self.open.is_match(path) => Access::Locked(realm),
            _ => Access::Open,
        }
    }

    /// The realm of a tenant, or of what is no tenant's.
    fn realm(&self, unit: Option<UnitId>) -> Option<Realm<'_>> {
        let common = Some(self.realm.as_str()).filter(|name| *name != OFF);
        let Some(own) = unit.and_then(|unit| self.own.get(unit)) else {
            return Some(Realm { name: common?, file: Some(self.file.as_deref()?) });
        };
        let name = own.realm.as_deref().or(common).unwrap_or("Restricted");
        (name != OFF).then_some(Realm { name, file: own.file.as_deref().or(self.file.as_deref()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    fn auth(file: Option<&str>, realm: &str) -> Auth {
        Auth { htpasswd: file.map(PathBuf::from), realm: realm.into(), ..Auth::default() }
    }

    fn guard(auth: &Auth) -> Guard {
        let mut guard = Guard::default();
        guard.configure(auth);
        guard
    }

    fn locked<'g>(name: &'g str, file: &'g str) -> Access<'g> {
        Access::Locked(Realm { name, file: Some(Path::new(file)) })
    }

    #[test]
    fn a_route_may_have_a_realm_and_a_file_of_its_own() {
        let mut keys: SlotMap<UnitId, ()> = SlotMap::with_key();
        let (common, none) = (("R", Some("/h")), ("Restricted", None));
        for ((realm, file), own_realm, own_file, expected) in [
            (common, None, None, locked("R", "/h")),
            (common, Some("Own"), None, locked("Own", "/h")),
            (common, None, Some("/o"), locked("R", "/o")),
            (common, Some("Own"), Some("/o"), locked("Own", "/o")),
            (common, Some("off"), None, Access::Open),
            (none, None, None, Access::Open),
            (none, None, Some("/o"), locked("Restricted", "/o")),
            (none, Some("off"), None, Access::Open),
            // The configuration is refused; if it were not, nobody would get in.
            (none, Some("Own"), None, Access::Locked(Realm { name: "Own", file: None })),
            (("off", Some("/h")), None, None, Access::Open),
            (("off", Some("/h")), Some("Own"), None, locked("Own", "/h")),
            (("off", Some("/h")), None, Some("/o"), locked("Restricted", "/o")),
        ] {
            let mut guard = guard(&auth(file, realm));
            let unit = keys.insert(());
            let route = Route {
                realm: own_realm.map(str::to_owned),
                htpasswd: own_file.map(PathBuf::from),
                ..Route::default()
            };
            guard.insert(&route, unit);
            assert_eq!(guard.access(b"/x", Some(unit)), expected, "{realm} {file:?} {own_realm:?} {own_file:?}");
            let others = if realm != "off" && file.is_some() { locked("R", "/h") } else { Access::Open };
            assert_eq!(guard.access(b"/x", None), others, "what is no tenant's");
            guard.insert(&Route::default(), unit);
            assert_eq!(guard.access(b"/x", Some(unit)), others, "the route has changed");
        }
    }

    /// What the forwarder judges is decoded and has no dot segments: these are such paths.
    #[test]
    fn tricks_open_nothing() {
        let auth = Auth {
            public: ["/up", "/assets/", "*.css", "/docs/*"].map(str::to_owned).to_vec(),
            exclude: vec!["^/2026/(maple|harbor)/?$".into()],
            ..auth(Some("/h"), "R")
        };
        let guard = guard(&auth);
        for open in ["/up", "/assets/a.js", "/a/b.css", "/docs/a", "/2026/maple", "/2026/harbor/"] {
            assert_eq!(guard.access(open.as_bytes(), None), Access::Open, "{open}");
        }
        for path in [
            &b"/"[..],
            b"/UP",
            b"/up/",
            b"/up/secret",
            b"/up\n",
            b"/up\0",
            b"/Assets/a",
            b"/assets",
            b"/x/assets/a",
            b"/secret.css/x",
            b"/secret.css/",
            b"/secret.css\0",
            b"/secret.CSS",
            b"/secretcss",
            b"/docs/a/b",
            b"/2026/maple/2",
            b"/2026/maplewood",
            b"/x/2026/maple",
            b"/2026/maple\n",
            b"/2026/maple/\n/admin",
            b"",
            b"\xff",
        ] {
            assert_eq!(guard.access(path, None), locked("R", "/h"), "{}", path.escape_ascii());
        }
    }

    #[test]
    fn a_tenant_that_goes_leaves_no_rule_behind() {
        let mut keys: SlotMap<UnitId, ()> = SlotMap::with_key();
        let unit = keys.insert(());
        let mut guard = guard(&auth(Some("/h"), "R"));
        guard.insert(&Route { realm: Some("off".into()), ..Route::default() }, unit);
        assert_eq!(guard.access(b"/x", Some(unit)), Access::Open);
        guard.remove(unit);
        assert_eq!(guard.access(b"/x", Some(unit)), locked("R", "/h"));
    }
}
