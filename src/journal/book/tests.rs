//! The book against a plain list of all lines.

use super::*;
use proptest::prelude::*;

const SMALL: Limits = Limits { least: 128, most: 1024, all: 4096 };

fn name(n: usize) -> Name {
    Name::new(&format!("web@{n}")).unwrap()
}

fn say(book: &mut Book, unit: usize, text: &str) {
    let ring = book.ring(Some(&name(unit)));
    let time = book.lines + 1;
    book.push(ring, 1, Some(Stream::Stdout), time, text.as_bytes());
}

/// What a reader is told at once: `0:text`, or `-3` for lost lines.
fn told(book: &Book, reader: &mut Reader) -> Vec<String> {
    let mut all = Vec::new();
    let more = book.read(reader, &mut |told| {
        all.push(match told {
            Told::Line(line) => {
                let unit = line.unit.map_or("tenantd", |unit| unit.instance().unwrap_or_default());
                format!("{unit}:{}", line.text)
            }
            Told::Missed(lines) => format!("-{lines}"),
        });
        true
    });
    assert!(!more);
    all
}

fn wanted(units: &[&str], lines: Option<usize>, since: Option<u64>) -> Wanted {
    Wanted { units: units.iter().map(|unit| Pattern::new(unit)).collect(), lines, since }
}

fn four() -> Book {
    let mut book = Book::new(SMALL);
    [(1, "a"), (2, "b"), (1, "c")].iter().for_each(|(unit, text)| say(&mut book, *unit, text));
    book.push(RingId::OWN, 0, None, 4, b"d");
    book
}

#[test]
fn readers_see_what_they_want_in_order() {
    for (wanted, expected) in [
        (wanted(&[], None, None), &["1:a", "2:b", "1:c", "tenantd:d"][..]),
        (wanted(&["web@1"], None, None), &["1:a", "1:c"]),
        (wanted(&["web@*"], Some(2), None), &["2:b", "1:c"]),
        (wanted(&["web@2", "tenantd"], None, None), &["2:b", "tenantd:d"]),
        (wanted(&[], Some(0), None), &[]),
        (wanted(&[], Some(9), None), &["1:a", "2:b", "1:c", "tenantd:d"]),
        (wanted(&[], None, Some(3)), &["1:c", "tenantd:d"]),
        (wanted(&[], Some(1), Some(3)), &["tenantd:d"]),
        (wanted(&[], None, Some(5)), &[]),
        (wanted(&["nobody"], None, None), &[]),
    ] {
        let book = four();
        assert_eq!(told(&book, &mut book.reader(wanted.clone())), expected, "{wanted:?}");
    }
}

#[test]
fn a_reader_follows_and_hears_of_units_that_come_later() {
    let mut book = four();
    let mut reader = book.reader(wanted(&["web@*"], Some(0), None));
    assert_eq!(told(&book, &mut reader), [""; 0]);
    say(&mut book, 3, "e");
    book.push(RingId::OWN, 0, None, 6, b"f");
    say(&mut book, 1, "g");
    assert_eq!(told(&book, &mut reader), ["3:e", "1:g"]);
    assert_eq!(told(&book, &mut reader), [""; 0]);
}

#[test]
fn a_reader_may_have_enough_and_come_back() {
    let book = four();
    let mut reader = book.reader(Wanted::default());
    let mut first = Vec::new();
    let more = book.read(&mut reader, &mut |told| {
        first.push(format!("{told:?}"));
        first.len() < 3
    });
    assert!(more);
    assert_eq!(told(&book, &mut reader), ["tenantd:d"]);
}

#[test]
fn a_slow_reader_is_told_how_many_lines_it_missed() {
    let mut book = four();
    let mut reader = book.reader(Wanted::default());
    (0..1000).for_each(|n| say(&mut book, 1, &format!("{n:03}")));
    let lines = told(&book, &mut reader);
    let kept = lines.iter().filter(|line| line.starts_with("1:")).count();
    assert_eq!(lines[0], format!("-{}", 1002 - kept));
    assert_eq!(lines.last().map(String::as_str), Some("1:999"));
    assert_eq!(told(&book, &mut book.reader(wanted(&["web@2"], None, None))), ["2:b"]);
}

#[test]
fn who_is_silent_costs_nothing() {
    let mut book = Book::default();
    for unit in 0..371 {
        book.ring(Some(&name(unit)));
    }
    assert_eq!(book.total, 0);
    say(&mut book, 5, "x");
    assert_eq!(book.total, LIMITS.least);
}

#[test]
fn the_last_lines_of_371_quiet_tenants_outlive_a_chatty_one() {
    let mut book = Book::default();
    for unit in 0..371 {
        (0..10).for_each(|n| say(&mut book, unit, &format!("line {n} of a boot, as long as such lines are")));
    }
    (0..50_000).for_each(|n| say(&mut book, 400, &format!("chatter {n} {}", "x".repeat(100))));
    (0..371).for_each(|unit| assert_eq!(book.tail(&name(unit), 10, 512).len(), 10, "{unit}"));
    assert!(book.total <= LIMITS.all);
}

#[test]
fn when_all_have_the_least_the_one_that_is_silent_longest_is_forgotten() {
    let mut book = Book::new(SMALL);
    (0..SMALL.all / SMALL.least).for_each(|unit| say(&mut book, unit, "x"));
    say(&mut book, 0, "y");
    say(&mut book, 99, "z");
    let tail = |unit| book.tail(&name(unit), 10, 512);
    assert_eq!(
        (tail(0), tail(1), tail(2), tail(99)),
        (vec!["x".into(), "y".into()], vec![], vec!["x".into()], vec!["z".into()])
    );
}

#[test]
fn a_tail_is_short_and_of_processes_only() {
    let mut book = Book::default();
    (0..25).for_each(|n| say(&mut book, 1, &format!("line {n}")));
    say(&mut book, 1, &format!("{}\u{e9}", "x".repeat(7)));
    let ring = book.ring(Some(&name(1)));
    book.push(ring, 0, None, 0, b"started");
    assert_eq!(book.tail(&name(1), 3, 8), ["line 23", "line 24", "xxxxxxx"]);
    assert_eq!(book.tail(&name(2), 3, 8), [""; 0]);
}

proptest! {
    #[test]
    fn bounds_hold_and_each_unit_keeps_its_newest(lines in prop::collection::vec((0usize..12, 0usize..300), 0..300)) {
        let mut book = Book::new(SMALL);
        let mut all = vec![Vec::new(); 12];
        for (n, (unit, length)) in lines.into_iter().enumerate() {
            let text = format!("{n}{}", "x".repeat(length));
            say(&mut book, unit, &text);
            all[unit].push(text.clone());
            let rooms: Vec<_> = book.rings.iter().map(|(_, ring)| ring.room()).collect();
            prop_assert!(rooms.iter().all(|room| *room <= SMALL.most));
            prop_assert_eq!(rooms.iter().sum::<usize>(), book.total);
            prop_assert!(book.total <= SMALL.all);
            for (class, count) in book.sizes.iter().enumerate() {
                prop_assert_eq!(rooms.iter().filter(|room| **room == SMALL.least << class).count(), *count);
            }
            // The newest line of all is there, whatever was before; cut to no less than the least room.
            let newest = book.tail(&name(unit), 1, usize::MAX).concat();
            prop_assert!(text.starts_with(&newest) && newest.len() >= text.len().min(SMALL.least - 25));
        }
        for (unit, lines) in all.iter().enumerate() {
            let kept = book.tail(&name(unit), usize::MAX, usize::MAX);
            let expected = &lines[lines.len() - kept.len()..];
            prop_assert!(kept.iter().zip(expected).all(|(kept, line)| line.starts_with(kept.as_str())));
        }
    }

    #[test]
    fn a_reader_gets_every_line_once_or_hears_that_it_is_lost(
        steps in prop::collection::vec((0usize..5, 0usize..100, prop::bool::weighted(0.2)), 0..200)
    ) {
        let mut book = Book::new(SMALL);
        let mut reader = book.reader(Wanted::default());
        let (mut said, mut heard, mut last) = (0u64, 0u64, None);
        for (unit, length, read) in steps {
            say(&mut book, unit, &"x".repeat(length));
            said += 1;
            if read {
                book.read(&mut reader, &mut |told| {
                    match told {
                        Told::Missed(lines) => heard += lines,
                        Told::Line(line) => {
                            assert!(Some(line.time) > last, "order");
                            (heard, last) = (heard + 1, Some(line.time));
                        }
                    }
                    true
                });
                prop_assert_eq!(heard, said);
            }
        }
    }
}
