//! `tests/SCENARIOS.md` tells the truth: every row is there, every test that it names exists, none is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The groups of ids: first and last.
const GROUPS: &[(u32, u32)] =
    &[(1, 8), (10, 17), (20, 30), (40, 46), (50, 52), (60, 65), (70, 79), (80, 89), (90, 94), (95, 97)];

/// A row of such a table.
pub struct Row {
    /// `T01`.
    pub id: String,
    /// `it/init.rs::t01_…`.
    pub tests: Vec<String>,
    /// The last column.
    pub text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scenarios() -> Vec<Row> {
    rows("SCENARIOS.md", |id| id.len() == 3 && id.starts_with('T'))
}

/// The rows of `tests/FILE` that begin with such an id.
pub fn rows(file: &str, is_id: impl Fn(&str) -> bool) -> Vec<Row> {
    let table = fs::read_to_string(root().join("tests").join(file)).expect("the table");
    let row = |line: &str| {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        let id = columns.get(1).filter(|id| is_id(id))?;
        let text = columns.get(3)?.to_string();
        let tests = text.split('`').skip(1).step_by(2).filter(|word| word.contains("::"));
        Some(Row { id: id.to_string(), tests: tests.map(str::to_owned).collect(), text })
    };
    table.lines().filter_map(row).collect()
}

/// Every test of the sources: `it/init.rs::t01_…`, `src/manager/tests/jobs.rs::…`.
pub fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut places: Vec<PathBuf> = vec![root().join("src"), root().join("tests/it")];
    while let Some(place) = places.pop() {
        if place.is_dir() {
            places.extend(fs::read_dir(&place).expect("a directory").flatten().map(|entry| entry.path()));
        } else if place.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&place).expect("a source file");
            let path = place.strip_prefix(root()).expect("under the root").display().to_string();
            let file = path.strip_prefix("tests/").unwrap_or(&path);
            found.extend(names(&text).map(|name| format!("{file}::{name}")));
        }
    }
    found
}

/// The functions under `#[test]`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("#[test]\n").skip(1);
    after.filter_map(|rest| rest.lines().find_map(|line| line.trim().strip_prefix("fn ")?.split('(').next()))
}

#[test]
fn every_scenario_has_a_row_and_says_something() {
    let wanted: Vec<_> = GROUPS.iter().flat_map(|(first, last)| *first..=*last).map(|n| format!("T{n:02}")).collect();
    let rows = scenarios();
    assert_eq!(rows.iter().map(|row| &row.id).collect::<Vec<_>>(), wanted.iter().collect::<Vec<_>>());
    let silent: Vec<_> = rows.iter().filter(|row| row.text.is_empty()).map(|row| &row.id).collect();
    assert!(silent.is_empty(), "neither a test nor a reason: {silent:?}");
}

#[test]
fn every_test_that_the_table_names_exists() {
    let tests = tests();
    let missing: Vec<_> =
        scenarios().into_iter().flat_map(|row| row.tests).filter(|name| !tests.contains(name)).collect();
    assert!(missing.is_empty(), "no such test: {missing:#?}");
}

#[test]
fn every_numbered_test_is_in_its_row() {
    let rows = scenarios();
    let mut left_out = Vec::new();
    for test in tests() {
        let name = test.rsplit("::").next().unwrap_or_default();
        let number = name.split('_').next().unwrap_or_default().to_uppercase();
        if number.len() == 3 && number.strip_prefix('T').is_some_and(|digits| digits.parse::<u32>().is_ok()) {
            let row = rows.iter().find(|row| row.id == number);
            if row.is_none_or(|row| !row.tests.contains(&test)) {
                left_out.push(format!("{number}: `{test}`"));
            }
        }
    }
    assert!(left_out.is_empty(), "add to tests/SCENARIOS.md: {left_out:#?}");
}
