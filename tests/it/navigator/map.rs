//! `tests/NAVIGATOR.md` tells the truth: every defect has its row, every test that it names exists, none is left out.

use crate::scenarios::{Row, rows, tests};

/// V01 to V51 with V26b, and behind V47 the four of security that have no number.
fn ids() -> Vec<String> {
    let numbers = |letter: char, all: std::ops::RangeInclusive<u32>| all.map(move |n| format!("{letter}{n:02}"));
    let observed = numbers('V', 1..=26).chain(["V26b".to_owned()]).chain(numbers('V', 27..=47));
    observed.chain(numbers('S', 1..=4)).chain(numbers('V', 48..=51)).collect()
}

fn defects() -> Vec<Row> {
    let ids = ids();
    rows("NAVIGATOR.md", |id| ids.iter().any(|known| known == id))
}

/// `v26b_a_request_…` is of `V26b`.
fn number(test: &str) -> Option<String> {
    let word = test.rsplit("::").next()?.split('_').next()?;
    let (letter, digits) = word.split_at_checked(1)?;
    Some(format!("{}{digits}", letter.to_uppercase()))
}

#[test]
fn every_defect_has_one_row_and_says_something() {
    let rows = defects();
    assert_eq!(rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), ids());
    let silent: Vec<_> = rows.iter().filter(|row| row.text.is_empty()).map(|row| &row.id).collect();
    assert!(silent.is_empty(), "neither a test nor a reason: {silent:?}");
}

#[test]
fn every_test_that_the_map_names_exists() {
    let tests = tests();
    let named = defects().into_iter().flat_map(|row| row.tests);
    let missing: Vec<_> = named.filter(|name| !tests.contains(name)).collect();
    assert!(missing.is_empty(), "no such test: {missing:#?}");
}

#[test]
fn every_test_with_a_defects_number_is_in_its_row() {
    let (rows, ids) = (defects(), ids());
    let of_a_defect = |test: &String| number(test).filter(|number| ids.contains(number));
    let numbered = tests().into_iter().filter_map(|test| of_a_defect(&test).map(|number| (number, test)));
    let left_out: Vec<_> = numbered
        .filter(|(number, test)| !rows.iter().any(|row| row.id == *number && row.tests.contains(test)))
        .collect();
    assert!(left_out.is_empty(), "add to tests/NAVIGATOR.md: {left_out:#?}");
}
