//! One row a key of Navigator's, live, dead or only documented: what it becomes.

mod applications;
mod routes;
mod server;

use proptest::prelude::*;

use super::Verdict::{AsIs, CannotBe, Mapped, WorksNow};
use super::*;

/// Imports with the root `/app`; the environment has `SET=value` alone.
fn import(text: &str) -> Import {
    let variables = |name: &str| (name == "SET").then(|| "value".to_owned());
    let options = Options { root: "/app".into(), source: "config/navigator.yml".into(), variables: &variables };
    translate(text, &options).unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
}

/// All files as one text.
fn text(import: &Import) -> String {
    import.files.iter().map(|(path, text)| format!("## {}\n{text}", path.display())).collect()
}

fn file<'i>(import: &'i Import, path: &str) -> &'i str {
    let found = import.files.iter().find(|(name, _)| name.as_os_str() == path);
    found.map_or_else(|| panic!("no {path} in {:?}", import.files), |(_, text)| text)
}

/// YAML, the key, its verdict, what must be in the files.
type Case = (&'static str, &'static str, Verdict, &'static [&'static str]);

fn judge(cases: &[Case]) {
    for (yaml, key, verdict, fragments) in cases {
        let import = import(yaml);
        let told = import.rows.iter().any(|row| row.key == *key && row.verdict == *verdict && row.line > 0);
        assert!(told, "{yaml}\n{key} is not {verdict:?}: {:#?}", import.rows);
        let text = text(&import);
        for fragment in *fragments {
            assert!(text.contains(fragment), "{yaml}\nno {fragment} in\n{text}");
        }
    }
}

#[test]
fn what_is_unknown_is_named_with_the_nearest_right_one() {
    for (yaml, key, line, hint) in [
        ("server:\n  lisen: 1", "server.lisen", 2, "did you mean \"listen\"?"),
        ("servers: {}", "servers", 1, "did you mean \"server\"?"),
        ("routes:\n  fly:\n    replays: []", "routes.fly.replays", 3, "did you mean \"replay\"?"),
        ("applications:\n  zzzzzzz: 1", "applications.zzzzzzz", 2, "leave it out"),
        ("1: 2", "1", 1, "leave it out"),
    ] {
        let found = import(yaml);
        let row = found.rows.iter().find(|row| row.key == key).unwrap_or_else(|| panic!("{yaml}: {:?}", found.rows));
        assert_eq!((row.line, row.verdict), (line, CannotBe), "{yaml}");
        assert!(row.became.starts_with("unknown key") && row.became.contains(hint), "{yaml}: {}", row.became);
    }
}

#[test]
fn what_is_of_another_kind_is_told() {
    judge(&[
        ("server: [1]", "server", CannotBe, &[]),
        ("- 1", "the file", CannotBe, &[]),
        ("hello", "the file", CannotBe, &[]),
        ("server: { listen: [1] }", "server.listen", CannotBe, &[]),
        ("server: { trust_proxy: maybe }", "server.trust_proxy", CannotBe, &[]),
        ("applications: { pools: { max_size: many } }", "applications.pools.max_size", CannotBe, &[]),
        ("applications: { env: [A] }", "applications.env", CannotBe, &[]),
        ("[1]: 2", "", CannotBe, &[]),
    ]);
}

#[test]
fn an_empty_file_and_more_documents() {
    let found = import("");
    assert_eq!((found.tenants, found.rows.len(), found.files.len()), (0, 0, 1));
    let found = import("server: { listen: 1 }\n---\nserver: { listen: 2 }\n---\nx");
    assert!(text(&found).contains("0.0.0.0:1"), "{}", text(&found));
    assert!(found.changes.iter().any(|change| change.starts_with("2 more YAML documents")), "{:?}", found.changes);
}

/// All names that Navigator or its documentation knows, to make files of.
const WORDS: [&str; 60] = [
    "server",
    "listen",
    "root_path",
    "static",
    "public_dir",
    "try_files",
    "cache_control",
    "overrides",
    "path",
    "max_age",
    "bot_detection",
    "enabled",
    "action",
    "cgi_scripts",
    "script",
    "env",
    "timeout",
    "health_check",
    "response",
    "headers",
    "idle",
    "cable",
    "auth",
    "htpasswd",
    "public_paths",
    "auth_patterns",
    "pattern",
    "routes",
    "redirects",
    "from",
    "to",
    "rewrites",
    "fly",
    "replay",
    "region",
    "sticky_sessions",
    "reverse_proxies",
    "prefix",
    "target",
    "applications",
    "pools",
    "max_size",
    "tenants",
    "var",
    "framework",
    "frameworks",
    "command",
    "args",
    "runtime",
    "hooks",
    "tenant",
    "start",
    "stop",
    "ready",
    "managed_processes",
    "name",
    "logging",
    "vector",
    "config",
    "maintenance",
];

fn yaml() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
        any::<String>().prop_map(Value::from),
        "[/${}%:a-z_.*()'\"\\\\ -]{0,12}".prop_map(Value::from),
        prop_oneof![
            Just("5m"),
            Just("1y"),
            Just("${SET}"),
            Just("${X:-y}"),
            Just("http://x"),
            Just("/t/"),
            Just("{{port}}")
        ]
        .prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 200, 8, |inner| {
        let key = prop_oneof![9 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => proptest::collection::btree_map(key, inner, 0..8)
                .prop_map(|map| Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

proptest! {
    /// JSON is YAML. Whatever it says, the result is TOML, and every unit has a name that the loader takes.
    #[test]
    fn any_file_becomes_toml(value in yaml()) {
        let variables = |name: &str| (name == "SET").then(|| "v".to_owned());
        let options = Options { root: "/app".into(), source: "n.yml".into(), variables: &variables };
        if let Ok(import) = translate(&value.to_string(), &options) {
            for (path, text) in &import.files {
                prop_assert!(text.starts_with(MARK));
                let read = ::toml::from_str::<::toml::Table>(text);
                prop_assert!(read.is_ok(), "{}: {:?}\n{}", path.display(), read, text);
                let stem = path.file_stem().unwrap().to_str().unwrap().trim_end_matches('@');
                prop_assert!(crate::unit::Name::new(stem).is_ok(), "{}", stem);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let options = Options { root: "/app".into(), source: "n.yml".into(), variables: &|_| None };
        let _ = translate(&text, &options);
    }
}
