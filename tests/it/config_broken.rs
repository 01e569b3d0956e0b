//! Broken configurations and the exact text that people read: one file a case under `config_broken/`.
//!
//! A case is `--- PATH` before the text of each file, and `=== expected` before what is told. In a file whose header ends in
//! ` (escaped)`, `\xNN` stands for a byte. `UPDATE=1` writes what is told into the cases; read the difference before you commit.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tenantd::unit::SectionDoc;
use tenantd::{config, unit};

fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/config_broken");
    let mut cases: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// Writes the files of a case; returns them as they stand, and the expected text.
fn lay_out<'c>(case: &'c str, dir: &Path) -> (&'c str, &'c str) {
    let (files, expected) = case.split_once("=== expected\n").expect("a case has \"=== expected\"");
    for file in files.split("--- ").skip(1) {
        let (header, text) = file.split_once('\n').unwrap();
        let (path, bytes) = match header.strip_suffix(" (escaped)") {
            Some(path) => (path, unescaped(text)),
            None => (header, text.as_bytes().to_vec()),
        };
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    (files, expected)
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(&part.as_bytes()[2..]);
    }
    bytes
}

/// What people read. The same for root and others: every case that shows `%t` sets runtime_directory.
fn told(dir: &Path) -> String {
    let own = |name: &str| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/1000".to_owned());
    let (all, verdict) = match config::load(dir, &own) {
        Ok(loaded) => (loaded.warnings, "used\n"),
        Err(all) => (all, "refused\n"),
    };
    let mut text = all.iter().fold(String::new(), |mut text, diagnostic| {
        writeln!(text, "{diagnostic}").unwrap();
        text
    });
    text.push_str(verdict);
    text
}

#[test]
fn each_mistake_has_its_exact_text() {
    let update = std::env::var_os("UPDATE").is_some();
    let (mut refused, mut wrong) = (0, String::new());
    for path in cases() {
        let case = fs::read_to_string(&path).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (files, expected) = lay_out(&case, dir.path());
        let told = told(dir.path());
        refused += usize::from(told.ends_with("refused\n"));
        if told == expected {
            continue;
        }
        if update {
            fs::write(&path, format!("{files}=== expected\n{told}")).unwrap();
        } else {
            let name = path.file_stem().unwrap().display();
            writeln!(wrong, "## {name}\nexpected:\n{expected}told:\n{told}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(refused >= 40, "only {refused} cases are refused");
}

#[test]
fn a_missing_directory_is_a_mistake_and_an_empty_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(told(dir.path()), "used\n");
    let missing = dir.path().join("none");
    let why =
        "cannot read the configuration directory: no such file or directory; name the right one with --config DIR";
    assert_eq!(told(&missing), format!("{}: {why}\nrefused\n", missing.display()));
}

/// Right sections with right keys and values of any kind, so that most of the text gets past the parser.
fn sections(all: &'static [SectionDoc]) -> impl Strategy<Value = String> {
    let values: Vec<&str> = "1|0|-1|0o660|1.5|true|2026-01-01|''|'a'|'%i'|'%n ${x} $'|'${y'|'/a'|'/${x}'|'/a b/'|'unix:%t/%n.sock'|\
        'tcp:127.0.0.1:0'|'90s'|'infinity'|'9e99w'|'high'|'oneshot'|'always'|'port'|[]|[1]|['b@c']|['a', 'b@d']|[['true']]|['', 'b']|\
        {}|{ A = '%p' }|{ A = 1 }|\"a\\u0000\"|\"a\\nb\"|'b | c'"
        .split('|')
        .collect();
    let section = move |section: &SectionDoc| {
        let (name, values) = (section.name, values.clone());
        let keys: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
        let most = keys.len().min(5);
        let keys = proptest::sample::subsequence(keys, 0..=most);
        (keys, proptest::collection::vec(proptest::sample::select(values), 5)).prop_map(move |(keys, values)| {
            let lines: Vec<String> = keys.iter().zip(values).map(|(key, value)| format!("{key} = {value}\n")).collect();
            format!("[{name}]\n{}", lines.concat())
        })
    };
    all.iter()
        .filter(|section| !section.name.is_empty())
        .map(section)
        .collect::<Vec<_>>()
        .prop_map(|sections| sections.concat())
}

/// What may stand above the sections of an instance's file, and below those of a template.
fn instance() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "",
        "vars = { x = 'v' }\n",
        "vars = { x = '%i', '' = 1 }\n",
        "environment = { A = '' }\n",
        "vars = 1\n",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_text_makes_load_panic(
        daemon in prop_oneof![1 => any::<String>(), 4 => sections(config::SECTIONS)], plain in sections(unit::SECTIONS), template in sections(unit::SECTIONS), dropin in sections(unit::SECTIONS), over in sections(unit::SECTIONS), top in instance(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("units/b@.toml.d")).unwrap();
        for (path, text) in [
            ("tenantd.toml", &daemon),
            ("units/a.toml", &plain),
            ("units/b@.toml", &format!("{template}[[instance]]\nname = 'c'\n{top}[[instance]]\nname = 'd'\n")),
            ("units/b@c.toml", &format!("{top}{over}")),
            ("units/b@.toml.d/x.toml", &dropin),
        ] {
            fs::write(dir.path().join(path), text).unwrap();
        }
        let loaded = config::load(dir.path(), &|_| Some("/run/user/1000".to_owned()));
        let told = loaded.map_or_else(|all| all, |loaded| loaded.warnings);
        prop_assert!(told.iter().all(|diagnostic| !diagnostic.to_string().contains(char::is_control)), "{:?}", told);
    }
}
