//! Whether a tenant may be forked from a template: only if all of its environment that the template has acted on is the
//! same, or is seen to in the child. Knows keys and places, and never tells a value: it may be a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Ready, one_line};

/// In effect before the first line of the application runs, or read by a library with getenv(3), which nobody sees: by
/// the dynamic linker, the allocator, the C library's locales and time zone, OpenSSL, SQLite, the interpreter and its
/// packages, and what an application is booted as.
const FIXED: [&str; 12] = [
    "DJANGO_SETTINGS_MODULE",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "LANG",
    "LANGUAGE",
    "LOCPATH",
    "NODE_ENV",
    "RACK_ENV",
    "RAILS_ENV",
    "SQLITE_TMPDIR",
    "TZ",
    "TZDIR",
];
/// The same, whole families.
const FIXED_FAMILIES: [&str; 13] = [
    "BUNDLE_",
    "BUNDLER_",
    "GEM_",
    "LC_",
    "LD_",
    "MAGICK_",
    "MALLOC_",
    "OMP_",
    "OPENSSL_",
    "PYTHON",
    "RUBY",
    "SSL_CERT_",
    "VIPS_",
];

/// Of one start of one process; what is forked is given its own.
const OF_ONE_START: [&str; 3] = ["NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM"];
/// The same, whole families.
const OF_ONE_START_FAMILIES: [&str; 2] = ["LISTEN_", "WATCHDOG_"];

/// The place of a key in `env` when the application has listed its whole environment.
const ALL: &str = "*";

/// What the scripts give each child anew, unless they tell that it was read elsewhere.
const REBOUND: [&str; 5] = ["DATABASE_URL", "SECRET_KEY_BASE", "RAILS_RELATIVE_URL_ROOT", "SCRIPT_NAME", "PORT"];

/// A key of the environment for which a tenant cannot be forked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name, of one line.
    pub key: String,
    /// Where the template has read it: at most three, maybe none.
    pub places: Vec<String>,
    /// No hook can change it in a process that runs: declaring it does not help.
    pub fixed: bool,
}

/// What keeps a tenant from being forked; nothing: it may be. `template` and `tenant` are complete environments, and
/// `declared` are the keys that the application's hook sees to. What cannot be declared comes first, then by the key.
pub fn verdict(
    template: &BTreeMap<String, String>,
    ready: &Ready,
    tenant: &BTreeMap<String, String>,
    declared: &[String],
) -> Vec<Difference> {
    let keys: BTreeSet<&String> = template.keys().chain(tenant.keys()).collect();
    let differ = keys.into_iter().filter(|key| template.get(*key) != tenant.get(*key));
    let mut found: Vec<_> = differ.filter_map(|key| difference(key, ready, declared)).collect();
    found.sort_by_key(|difference| !difference.fixed);
    found
}

/// What it means that `key` differs.
fn difference(key: &str, ready: &Ready, declared: &[String]) -> Option<Difference> {
    let fixed = is_fixed(key);
    let counts = fixed || (was_read(key, ready) && !declared.iter().any(|declared| declared == key));
    let places = || ready.env.get(key).cloned().unwrap_or_default();
    counts.then(|| Difference { key: one_line(key, 200), places: places(), fixed })
}

fn was_read(key: &str, ready: &Ready) -> bool {
    let anew = is_of(key, &OF_ONE_START, &OF_ONE_START_FAMILIES);
    // Of a list that did not fit, all may have been read.
    !anew
        && (ready.env.contains_key(key)
            || ((ready.truncated || ready.env.contains_key(ALL)) && !REBOUND.contains(&key)))
}

/// In effect before anybody could see that it is read: no tenant may differ in it, declared or not.
fn is_fixed(key: &str) -> bool {
    is_of(key, &FIXED, &FIXED_FAMILIES)
}

fn is_of(key: &str, names: &[&str], families: &[&str]) -> bool {
    names.contains(&key) || families.iter().any(|family| key.starts_with(family))
}

/// Why a tenant is started without its template, in one line with the way out: for `status`.
#[derive(Debug, Clone, Copy)]
pub struct Because<'a> {
    /// What [`verdict`] has found.
    pub differences: &'a [Difference],
    /// The application's own part, as its developer knows it: `config/tenant_fork.rb`.
    pub hook: &'a str,
    /// Full name of the tenant.
    pub tenant: &'a str,
}

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [Difference { key, places, fixed }, more @ ..] = self.differences else { return Ok(()) };
        write!(f, "environment {key} differs and ")?;
        f.write_str(if *fixed { "is fixed for the life of a process" } else { "was read at boot" })?;
        if let Some(place) = places.first() {
            write!(f, " ({place})")?;
        }
        f.write_str("; ")?;
        if !more.is_empty() {
            write!(f, "and {} more; ", more.len())?;
        }
        match fixed {
            true => f.write_str("give all tenants the same value")?,
            false => write!(f, "declare it in preload_env and re-bind it in {}", self.hook)?,
        }
        write!(f, ", or see tenantd preload doctor {}", self.tenant)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    fn environment(text: &str) -> BTreeMap<String, String> {
        let entries = text.split_whitespace().filter_map(|entry| entry.split_once('='));
        entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn keys(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// A template that has read `read`, each key in a place of its own; `…` is a list that did not fit.
    fn ready(read: &str) -> Ready {
        let (read, truncated) = read.strip_suffix('…').map_or((read, false), |read| (read, true));
        let env = keys(read).into_iter().map(|key| (key.clone(), vec![format!("{key}.rb:1")])).collect();
        Ready { env, truncated, ..Ready::default() }
    }

    /// The keys that are in the way, with `!` if they are fixed.
    fn found(template: &str, read: &str, tenant: &str, declared: &str) -> String {
        let all = verdict(&environment(template), &ready(read), &environment(tenant), &keys(declared));
        let shown = all.iter().map(|each| format!("{}{}", each.key, if each.fixed { "!" } else { "" }));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_what_was_read_and_differs_is_in_the_way() {
        for (template, read, tenant, declared, expected) in [
            ("", "", "", "", ""),
            ("A=1", "A", "A=1", "", ""),
            ("A=1", "", "A=2", "", ""),
            ("A=1", "A", "A=2", "", "A"),
            ("A=1", "A", "", "", "A"),
            ("", "A", "A=1", "", "A"),
            ("", "A", "A=", "", "A"),
            ("A=1", "A", "A=2", "A", ""),
            ("A=1 B=1", "A B", "A=2 B=2", "B C", "A"),
            ("A=1", "A", "A=2", "a A* A_", "A"),
            ("", "B A", "A=1 B=1", "", "A B"),
            // Fixed: read or not, declared or not, and first.
            ("A=1", "A", "A=2 TZ=UTC", "", "TZ! A"),
            ("", "", "LD_PRELOAD=x", "LD_PRELOAD", "LD_PRELOAD!"),
            ("RAILS_ENV=production", "", "RAILS_ENV=test", "RAILS_ENV", "RAILS_ENV!"),
            ("LANG=C", "", "LC_ALL=C", "", "LANG! LC_ALL!"),
            ("", "", "RUBY_GC_HEAP_GROWTH_FACTOR=1 RUBYOPT=-w", "", "RUBYOPT! RUBY_GC_HEAP_GROWTH_FACTOR!"),
            (
                "",
                "",
                "GEM_HOME=x BUNDLE_GEMFILE=x MALLOC_ARENA_MAX=2",
                "",
                "BUNDLE_GEMFILE! GEM_HOME! MALLOC_ARENA_MAX!",
            ),
            ("", "", "PYTHONPATH=x DJANGO_SETTINGS_MODULE=x", "", "DJANGO_SETTINGS_MODULE! PYTHONPATH!"),
            ("", "", "SSL_CERT_FILE=/x TZ=", "", "SSL_CERT_FILE! TZ!"),
            ("", "", "TZX=1 LANGUAGES=1 XLD_=1 NODE_ENVY=1", "", ""),
            // Of one start: given anew in any case.
            ("NOTIFY_SOCKET=/a", "NOTIFY_SOCKET LISTEN_PID", "NOTIFY_SOCKET=/b LISTEN_PID=1 WATCHDOG_USEC=1", "", ""),
            // Given anew by the script, unless it says otherwise.
            ("DATABASE_URL=a", "X", "DATABASE_URL=b PORT=1 SCRIPT_NAME=/b", "", ""),
            ("SECRET_KEY_BASE=a", "SECRET_KEY_BASE", "SECRET_KEY_BASE=b", "", "SECRET_KEY_BASE"),
            ("DATABASE_URL=a", "DATABASE_URL", "DATABASE_URL=b", "", "DATABASE_URL"),
            ("DATABASE_URL=a", "DATABASE_URL", "DATABASE_URL=b", "DATABASE_URL", ""),
            // A list that did not fit.
            ("A=1", "B…", "A=2 PORT=1 C=1 LISTEN_PID=1", "C", "A"),
            ("HOME=/a USER=a", "HOME", "HOME=/b USER=b", "", "HOME"),
        ] {
            assert_eq!(
                found(template, read, tenant, declared),
                expected,
                "{template} | {read} | {tenant} | {declared}"
            );
        }
    }

    #[test]
    fn the_reason_is_one_line_with_the_way_out() {
        let line = |template, read, tenant| {
            let differences = verdict(&environment(template), &ready(read), &environment(tenant), &[]);
            let hook = "config/tenant_fork.rb";
            Because { differences: &differences, hook, tenant: "showcase@boston" }.to_string()
        };
        for (read, tenant, expected) in [
            ("", "", ""),
            (
                "TITLE",
                "TITLE=x",
                "environment TITLE differs and was read at boot (TITLE.rb:1); declare it in preload_env and re-bind it in config/tenant_fork.rb, or see tenantd preload doctor showcase@boston",
            ),
            (
                "A B C",
                "A=x B=x C=x",
                "environment A differs and was read at boot (A.rb:1); and 2 more; declare it in preload_env and re-bind it in config/tenant_fork.rb, or see tenantd preload doctor showcase@boston",
            ),
            (
                "",
                "LD_PRELOAD=x",
                "environment LD_PRELOAD differs and is fixed for the life of a process; give all tenants the same value, or see tenantd preload doctor showcase@boston",
            ),
        ] {
            assert_eq!(line("", read, tenant), expected);
        }
    }

    #[test]
    fn a_key_cannot_drive_a_terminal() {
        let env = BTreeMap::from([("A\u{1b}[31m".to_owned(), Vec::new())]);
        let tenant = BTreeMap::from([("A\u{1b}[31m".to_owned(), "1".to_owned())]);
        let found = verdict(&BTreeMap::new(), &Ready { env, ..Ready::default() }, &tenant, &[]);
        assert_eq!(found[0].key, "A [31m");
    }

    const KEYS: [&str; 7] = ["A", "B", "C", "LD_PRELOAD", "NOTIFY_SOCKET", "PORT", "TZ"];

    /// Values that are found wherever they leak to.
    fn some_environment() -> impl Strategy<Value = BTreeMap<String, String>> {
        let value = prop::sample::select(vec!["", "hush-1", "hush-2"]);
        subsequence(KEYS.to_vec(), 0..=KEYS.len()).prop_flat_map(move |keys| {
            let values = prop::collection::vec(value.clone(), keys.len());
            values.prop_map(move |values| {
                keys.iter().zip(values).map(|(key, value)| ((*key).to_owned(), value.to_owned())).collect()
            })
        })
    }

    fn some_keys() -> impl Strategy<Value = Vec<String>> {
        subsequence(KEYS.to_vec(), 0..=KEYS.len()).prop_map(|keys| keys.into_iter().map(str::to_owned).collect())
    }

    proptest! {
        #[test]
        fn nothing_that_counts_is_missed_and_no_value_is_told(
            template in some_environment(), tenant in some_environment(), read in some_keys(), declared in some_keys(),
            truncated in any::<bool>(),
        ) {
            let ready = Ready { truncated, ..ready(&read.join(" ")) };
            let found = verdict(&template, &ready, &tenant, &declared);
            for key in KEYS {
                let differs = template.get(key) != tenant.get(key);
                let is_in = |all: &[String]| all.iter().any(|each| each == key);
                let counts = match key {
                    "LD_PRELOAD" | "TZ" => true,
                    "NOTIFY_SOCKET" => false,
                    "PORT" => is_in(&read) && !is_in(&declared),
                    _ => (is_in(&read) || truncated) && !is_in(&declared),
                };
                prop_assert_eq!(found.iter().any(|each| each.key == key), differs && counts, "{}", key);
            }
            let told = format!("{found:?} {}", Because { differences: &found, hook: "h.rb", tenant: "a@b" });
            prop_assert!(!told.contains("hush"), "{}", told);
            prop_assert_eq!(verdict(&tenant, &ready, &tenant, &[]), vec![]);
        }
    }
}
