//! The nearest right name for a wrong one.

/// `; did you mean "exec_start"?`, or nothing if no candidate is close.
pub(crate) fn hint<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, candidates).map_or(String::new(), |right| format!("; did you mean \"{right}\"?"))
}

/// The candidate with the smallest edit distance, if that is at most a third of the longer word (at least 1).
pub(crate) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let close = |right: &&str| distance(wrong, right) <= (wrong.len().max(right.len()) / 3).max(1);
    candidates
        .into_iter()
        .filter(|right| right.len() <= 128 && wrong.len() <= 128)
        .filter(close)
        .min_by_key(|right| distance(wrong, right))
}

/// Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase().into_bytes(), b.to_lowercase().into_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("exec_strat", "exec_start", 1),
            ("listn", "listen", 1),
            ("Listen", "listen", 0),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn only_what_is_close() {
        let keys = ["exec_start", "exec_start_pre", "user"];
        for (wrong, expected) in
            [("exec_strat", Some("exec_start")), ("uesr", Some("user")), ("memory_max", None), ("x", None)]
        {
            assert_eq!(nearest(wrong, keys), expected, "{wrong}");
        }
    }
}
