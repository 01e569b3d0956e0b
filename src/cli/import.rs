//! `tenantd import`: navigator.yml → a configuration directory, once or whenever it changes. The translation is
//! [`crate::import`]; here are the disk, the table, and the running daemon.

mod place;
mod watch;

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::{CONFIG, own, print, usage};
use crate::config::{Diagnostic, Loaded};
use crate::import::{self, Import, Row, Verdict};

/// What the command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `--out`.
    pub out: Option<PathBuf>,
    /// `--root`.
    pub root: Option<PathBuf>,
}

/// One import.
struct Job {
    source: PathBuf,
    out: PathBuf,
    root: PathBuf,
    force: bool,
    json: bool,
    check: bool,
}

/// 0; 1 if the file cannot be read or the directory not written, with `--check` also if a key is impossible; 64 for a wrong
/// command line, 78 if `tenantd check` would refuse the result.
pub(super) fn run(words: &[&str], options: &Options, given: &super::options::Options, json: bool) -> ExitCode {
    let ([source], Some(out)) = (words, &options.out) else {
        return usage("import: write tenantd import navigator.yml --out DIR");
    };
    let source = PathBuf::from(source);
    let root = options.root.clone().unwrap_or_else(|| working_directory(&source));
    let (force, check) = (given.has("force"), given.has("check"));
    let job = Job { source, out: out.clone(), root, force, json, check };
    if given.has("watch") {
        return watch::follow(&job);
    }
    match job.read().and_then(|text| job.translate(&text)) {
        Ok(import) => job.finish(&import),
        Err(why) => {
            eprintln!("tenantd: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Navigator's working directory: where config/ is, if the file is in one.
fn working_directory(source: &Path) -> PathBuf {
    let file = std::path::absolute(source).unwrap_or_else(|_| source.to_owned());
    let directory = file.parent().unwrap_or(Path::new("/"));
    let config = directory.file_name().is_some_and(|name| name == "config");
    if config { directory.parent().unwrap_or(directory) } else { directory }.to_owned()
}

impl Job {
    fn read(&self) -> Result<String, String> {
        let bytes =
            std::fs::read(&self.source).map_err(|error| format!("cannot read {}: {error}", self.source.display()))?;
        String::from_utf8(bytes)
            .map_err(|_| format!("cannot read {}: it is not UTF-8; save it as that", self.source.display()))
    }

    fn translate(&self, text: &str) -> Result<Import, String> {
        let options = import::Options { root: self.root.clone(), source: self.source.clone(), variables: &own };
        import::translate(text, &options).map_err(|mistake| format!("cannot read {}:{mistake}", self.source.display()))
    }

    /// Writes what is good, and tells.
    fn finish(&self, import: &Import) -> ExitCode {
        let checked = place::check(&import.files, &self.out);
        let refused = checked.is_err() && !self.force;
        let written = if refused { Ok(false) } else { place::install(&self.out, &import.files, self.force) };
        if self.json {
            print(&format!("{}\n", object(import, &checked, &written)));
        } else {
            print(&table(import, std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()));
            checked
                .as_ref()
                .map_or_else(|all| all, |loaded| &loaded.warnings)
                .iter()
                .for_each(|one| eprintln!("{one}"));
        }
        if let Err(why) = &written {
            eprintln!("tenantd: {why}");
            return ExitCode::FAILURE;
        }
        if checked.is_err() {
            let kept =
                if refused { "nothing is written; --force writes it all the same" } else { "written all the same" };
            eprintln!("tenantd: the result is refused by tenantd check: {kept}");
            return ExitCode::from(CONFIG);
        }
        if self.check && import.rows.iter().any(|row| row.verdict == Verdict::CannotBe) {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}

fn object(
    import: &Import,
    checked: &Result<Loaded, Vec<Diagnostic>>,
    written: &Result<bool, String>,
) -> serde_json::Value {
    let told = checked.as_ref().map_or_else(|all| all, |loaded| &loaded.warnings);
    json!({
        "keys": import.rows,
        "changes": import.changes,
        "tenants": import.tenants,
        "ignored_documents": import.ignored,
        "files": import.files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        "good": checked.is_ok(),
        "written": written.is_ok() && (checked.is_ok() || written == &Ok(true)),
        "messages": told,
    })
}

/// A row a key, then what will be different, then the sum.
fn table(import: &Import, colours: bool) -> String {
    let name = |row: &Row| if row.count > 1 { format!("{} ×{}", row.key, row.count) } else { row.key.clone() };
    let width = import.rows.iter().map(|row| name(row).chars().count()).max().unwrap_or(0).clamp(3, 50);
    let mut text = format!("{:<width$}  {:>4}  {:<9}  WHAT IT BECAME\n", "KEY", "LINE", "VERDICT");
    for row in &import.rows {
        let verdict = format!("{:<9}", row.verdict.word());
        let verdict = if colours { format!("{}{verdict}\x1b[0m", colour(row.verdict)) } else { verdict };
        // Writing to a String cannot fail; what is quoted from the file must not drive the terminal.
        let _ = writeln!(text, "{:<width$}  {:>4}  {verdict}  {}", plain(&name(row)), row.line, plain(&row.became));
    }
    if !import.changes.is_empty() {
        text.push_str("\nWhat will be different:\n");
        import.changes.iter().for_each(|change| text.extend(["  * ", &plain(change), "\n"]));
    }
    let count = |verdict| import.rows.iter().filter(|row| row.verdict == verdict).map(|row| row.count).sum::<usize>();
    let sums = [Verdict::AsIs, Verdict::Mapped, Verdict::WorksNow, Verdict::CannotBe];
    let sums: Vec<String> = sums.iter().map(|&verdict| format!("{} {}", count(verdict), verdict.word())).collect();
    let _ = writeln!(text, "\n{} tenants; keys: {}", import.tenants, sums.join(", "));
    text
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::AsIs => "\x1b[32m",
        Verdict::Mapped => "\x1b[36m",
        Verdict::WorksNow => "\x1b[33m",
        Verdict::CannotBe => "\x1b[31m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_for_people() {
        let row = |key: &str, line, count, verdict| Row {
            key: key.to_owned(),
            line,
            count,
            verdict,
            became: "x\u{1b}[31m".to_owned(),
        };
        let rows = vec![row("server.listen", 2, 1, Verdict::Mapped), row("tenants[].root", 30, 7, Verdict::CannotBe)];
        let import = Import { files: vec![], rows, changes: vec!["line 3: hooks run".into()], ignored: 0, tenants: 7 };
        let text = "\
KEY                LINE  VERDICT    WHAT IT BECAME
server.listen         2  mapped     x [31m
tenants[].root ×7    30  cannot be  x [31m

What will be different:
  * line 3: hooks run

7 tenants; keys: 0 as is, 1 mapped, 0 works now, 7 cannot be
";
        assert_eq!(table(&import, false), text);
        assert!(table(&import, true).contains("\u{1b}[36mmapped   \u{1b}[0m"));
    }

    #[test]
    fn where_navigator_ran() {
        for (file, root) in [("/rails/config/navigator.yml", "/rails"), ("/etc/navigator.yml", "/etc")] {
            assert_eq!(working_directory(Path::new(file)), Path::new(root));
        }
    }
}
