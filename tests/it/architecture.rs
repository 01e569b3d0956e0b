//! The rules of the source: which module may know which, and what stays out of PID 1. Reads src/ as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Most lines of a file that are not tests.
const LONGEST: usize = 400;

/// One file of src/ without its tests and comments.
struct Source {
    /// `src/unit/name.rs`.
    path: String,
    /// `unit`.
    module: String,
    code: Vec<String>,
    /// Lines before the tests, comments included.
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&root.join("src"), &mut files);
    files.sort();
    let tests: Vec<PathBuf> = files.iter().flat_map(|file| test_modules(file)).collect();
    files.retain(|file| !tests.iter().any(|test| file.starts_with(test) || *file == test.with_extension("rs")));
    files.iter().map(|file| Source::read(root, file)).collect()
}

/// The modules that a file declares for tests only, without extension.
fn test_modules(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).expect("a source file");
    let own = matches!(file.file_name().and_then(|name| name.to_str()), Some("mod.rs" | "lib.rs" | "main.rs"));
    let directory = if own { file.with_file_name("") } else { file.with_extension("") };
    let declared = text.split("#[cfg(test)]\nmod ").skip(1).filter_map(|rest| rest.lines().next()?.strip_suffix(';'));
    declared.map(|name| directory.join(name)).collect()
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("src").flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    fn read(root: &Path, file: &Path) -> Self {
        let relative = file.strip_prefix(root).expect("under the root");
        let module = relative.iter().nth(1).expect("under src").to_string_lossy();
        let text = fs::read_to_string(file).expect("a source file");
        let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code = shipped.lines().map(str::trim).filter(|line| !line.starts_with("//")).map(strip_comment);
        Self {
            path: relative.display().to_string(),
            module: module.trim_end_matches(".rs").to_owned(),
            code: code.collect(),
            lines: shipped.lines().count(),
        }
    }

    /// The top-level modules that this file names after `crate::`.
    fn imports(&self) -> BTreeSet<String> {
        let text = self.code.join(" ");
        let mut found = BTreeSet::new();
        for (at, word) in text.match_indices("crate::") {
            // `tenantd::` in main.rs is the crate itself; `other_crate::` is not ours.
            if text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = &text[at + word.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(heads(group)),
                None => found.extend([identifier(rest)]),
            }
        }
        found
    }

    /// The first line of code that contains one of `words`.
    fn mentions(&self, words: &[&str]) -> Option<String> {
        let line = self.code.iter().find(|line| words.iter().any(|word| line.contains(word)))?;
        Some(format!("{}: {line}", self.path))
    }
}

fn strip_comment(line: &str) -> String {
    line.split(" // ").next().unwrap_or_default().to_owned()
}

/// The first identifiers of a use group: `a::b, c::{d, e}}` → a, c.
fn heads(group: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            c if depth == 0 => parts.last_mut().expect("never empty").push(c),
            _ => {}
        }
    }
    parts.iter().map(|part| identifier(part.trim())).filter(|head| !head.is_empty()).collect()
}

/// The identifier at the start of `text`.
fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The levels that the crate documentation states, `cli` highest.
fn levels() -> BTreeMap<String, usize> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("src/lib.rs");
    let line = text.lines().find(|line| line.contains("main → cli")).expect("the order in the crate documentation");
    let order = line.split('`').nth(1).expect("the order between backquotes");
    let groups: Vec<&str> = order.split('→').collect();
    let mut levels = BTreeMap::new();
    for (level, group) in groups.iter().rev().enumerate() {
        for module in group.trim().trim_matches(['{', '}']).split(',') {
            levels.insert(module.trim().to_owned(), level);
        }
    }
    levels
}

/// module → the modules it imports, itself left out.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
    for source in sources().iter().filter(|source| source.module != "lib") {
        let imports = source.imports().into_iter().filter(|module| *module != source.module);
        graph.entry(source.module.clone()).or_default().extend(imports);
    }
    graph
}

#[test]
fn every_module_is_on_the_map() {
    let levels = levels();
    let missing: Vec<_> = graph().into_keys().filter(|module| !levels.contains_key(module)).collect();
    assert!(missing.is_empty(), "not in the order of src/lib.rs: {missing:?}");
}

#[test]
fn imports_run_downwards_only() {
    let levels = levels();
    let mut upwards = Vec::new();
    for source in sources().iter().filter(|source| source.module != "lib") {
        for target in source.imports() {
            if let (Some(from), Some(to)) = (levels.get(&source.module), levels.get(&target))
                && from < to
            {
                upwards.push(format!("{} imports {target}", source.path));
            }
        }
    }
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn modules_form_no_circle() {
    let graph = graph();
    for start in graph.keys() {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = graph[start].iter().collect();
        while let Some(module) = next.pop() {
            assert_ne!(module, start, "{start} imports itself through {seen:?}");
            if seen.insert(module) {
                next.extend(graph.get(module).into_iter().flatten());
            }
        }
    }
}

#[test]
fn the_reader_of_imports_reads_them() {
    let source = |code: &str| Source { path: "x".into(), module: "x".into(), code: vec![code.into()], lines: 1 };
    let read = |code: &str| source(code).imports().into_iter().collect::<Vec<_>>();
    assert_eq!(read("use crate::unit::{Name, Unit};"), ["unit"]);
    assert_eq!(read("use crate::{http::Head, unit::{Name, Unit}};"), ["http", "unit"]);
    assert_eq!(read("fn f(x: crate::route::Table, y: crate::unit::Name) {}"), ["route", "unit"]);
    assert_eq!(read("use crate::poller;"), ["poller"]);
    assert!(read("use other_crate::x;").is_empty());
}

#[test]
fn the_poller_alone_knows_mio() {
    let sources = sources();
    let others = sources.iter().filter(|source| source.module != "poller");
    let found: Vec<_> = others.filter_map(|source| source.mentions(&["mio::", "use mio"])).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn unsafe_code_is_in_process_and_boot_only() {
    let sources = sources();
    let others = sources.iter().filter(|source| !["process", "boot"].contains(&source.module.as_str()));
    let found: Vec<_> = others
        .filter_map(|source| source.mentions(&["unsafe {", "unsafe fn", "unsafe impl", "(unsafe_code)"]))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn decisions_are_pure() {
    const IMPURE: &[&str] = &[
        "Instant::now",
        "SystemTime",
        "Command::new",
        "TcpStream",
        "TcpListener",
        "UnixStream",
        "UnixListener",
        "log::",
        "println!",
        "signal_hook",
        "nix::unistd",
        "nix::sys::wait",
        "nix::sys::socket",
        "rustix::",
    ];
    let mut pure = sources();
    // The two loaders read the disk, and ask who we are.
    pure.retain(|source| ["unit", "manager", "http", "route", "config", "preload"].contains(&source.module.as_str()));
    pure.retain(|source| !source.path.ends_with("/load.rs"));
    let found: Vec<_> = pure.iter().filter_map(|source| source.mentions(IMPURE)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn pid_1_neither_panics_nor_sleeps() {
    const FORBIDDEN: &[&str] =
        &[".unwrap()", ".expect(", "todo!", "unimplemented!", "thread::sleep", "Rc<", "RefCell", "panic!("];
    let mut found: Vec<_> = sources().iter().filter_map(|source| source.mentions(FORBIDDEN)).collect();
    // The defect on purpose of debug builds, which shows that a panic is contained.
    found.retain(|line| !line.contains("Request::Panic =>"));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn files_are_short_and_say_what_they_own() {
    for source in sources() {
        assert!(source.lines <= LONGEST, "{}: {} lines", source.path, source.lines);
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&source.path)).expect("a source file");
        assert!(text.starts_with("//! "), "{} does not say what it owns", source.path);
    }
}
