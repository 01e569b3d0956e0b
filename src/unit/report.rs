//! Collects what is wrong while reading goes on, so that every mistake of every file is told at once. Never prints.

use super::diagnostic::{Diagnostic, Level};
use super::source::Sources;

/// A byte of a file: enough to find line and column later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Index into [`Sources`].
    pub file: usize,
    /// `None` is the whole file.
    pub offset: Option<usize>,
}

impl Place {
    /// The whole file.
    pub fn file(file: usize) -> Self {
        Self { file, offset: None }
    }

    /// This byte of it.
    pub fn at(file: usize, offset: usize) -> Self {
        Self { file, offset: Some(offset) }
    }
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    found: Vec<(Place, Level, String)>,
    errors: usize,
}

impl Report {
    /// Most messages told of one place: a mistake in a template is found again in each of its instances.
    const SAME_PLACE: usize = 3;

    /// Records a mistake.
    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        self.errors += 1;
        self.found.push((place, Level::Error, message.into()));
    }

    /// Records a doubt.
    pub fn warning(&mut self, place: Place, message: impl Into<String>) {
        self.found.push((place, Level::Warning, message.into()));
    }

    /// How many mistakes there are so far.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Sorted by file and line: the errors, and the warnings.
    pub fn finish(mut self, sources: &Sources) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        self.found.sort();
        self.found.dedup();
        let mut all = Vec::new();
        for same in self.found.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let told = if same.len() > Self::SAME_PLACE { Self::SAME_PLACE - 1 } else { same.len() };
            let more = (same.len() > told).then(|| format!("… and {} more mistakes like these", same.len() - told));
            let (place, level, _) = same[0];
            let messages = same[..told].iter().map(|(_, _, message)| message.clone()).chain(more);
            all.extend(messages.map(|message| sources.diagnostic(place, level, message)));
        }
        all.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        all.into_iter().partition(|d| d.level == Level::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_many_instances_is_told_briefly() {
        let mut sources = Sources::default();
        let file = sources.add("units/web@.toml".into(), "a\nbé x = 1\n".into());
        let mut report = Report::default();
        for instance in 0..371 {
            report.error(Place::at(file, 6), format!("bad {}", instance % 100));
            report.error(Place::at(file, 0), "same");
        }
        let (errors, _) = report.finish(&sources);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let expected = ["1:1: same", "2:4: bad 0", "2:4: bad 1", "2:4: … and 98 more mistakes like these"];
        assert_eq!(told, expected.map(|line| format!("units/web@.toml:{line}")));
    }
}
