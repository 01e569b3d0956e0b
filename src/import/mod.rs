//! Navigator's configuration → ours: values in, files and a report out. One file a section of navigator.yml. Never touches a
//! disk or a daemon.

mod applications;
mod auth;
mod bots;
mod cable;
mod cgi;
mod command;
mod draft;
mod environment;
mod hooks;
mod idle;
mod keys;
mod logging;
mod maintenance;
mod processes;
mod proxies;
mod replay;
mod report;
mod routes;
mod server;
mod settings;
mod static_files;
mod template;
mod tenant;
#[cfg(test)]
mod tests;
mod toml;
mod value;
mod yaml;

use std::path::PathBuf;

pub use draft::Options;
pub use report::{Row, Verdict};
pub use yaml::Mistake;

use draft::Draft;
use keys::{Field, Keys};
use server::Server;

/// How the first line of every file that is written begins: by it a later import knows its own.
pub const MARK: &str = "# Written by tenantd import";

/// A configuration directory, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Path below the directory, and text; sorted by path.
    pub files: Vec<(PathBuf, String)>,
    /// A row a key, in the order of the file.
    pub rows: Vec<Row>,
    /// What will be different from how Navigator ran it.
    pub changes: Vec<String>,
    /// YAML documents behind the first one, which Navigator does not read.
    pub ignored: usize,
    /// How many tenants there are.
    pub tenants: usize,
}

/// Translates the text of a navigator.yml.
pub fn translate(text: &str, options: &Options<'_>) -> Result<Import, Mistake> {
    let (node, ignored) = yaml::parse(text)?;
    let mut draft = Draft::new(options);
    let tenants = top(Keys::open("", &node, &mut draft), &mut draft);
    if ignored > 0 {
        let what = format!(
            "{ignored} more YAML document{} in the file: only the first counts, as in Navigator",
            if ignored == 1 { "" } else { "s" }
        );
        draft.report.change(0, &what);
    }
    Ok(written(draft, ignored, tenants))
}

/// Every section, in the order in which they are written. The answer is the number of tenants.
fn top(mut keys: Keys<'_>, draft: &mut Draft<'_>) -> usize {
    let server = server::server(keys.take("server"), draft);
    phantom_static(&mut keys, draft);
    section(&mut keys, "auth", draft, auth::auth);
    section(&mut keys, "routes", draft, routes::routes);
    server::slash(&server, draft);
    section(&mut keys, "cable", draft, cable::cable);
    let maintenance = keys.take("maintenance");
    section(&mut keys, "logging", draft, logging::logging);
    let processes = keys.take("managed_processes").map(|field| processes::processes(&field, draft)).unwrap_or_default();
    let hooks = hooks::hooks(keys.take("hooks").as_ref(), &processes, draft);
    maintenance::maintenance(maintenance.as_ref(), &server, hooks.reloads, draft);
    section(&mut keys, "suspend", draft, idle::suspend);
    let tenants = applications::applications(&mut keys, &server, hooks, draft);
    keys.finish(draft);
    tenants
}

fn section<'y>(
    keys: &mut Keys<'y>,
    name: &'static str,
    draft: &mut Draft<'_>,
    read: impl FnOnce(&Field<'y>, &mut Draft<'_>),
) {
    if let Some(field) = keys.take(name) {
        read(&field, draft);
    }
}

/// `static` at the top, where the documentation puts it.
fn phantom_static(keys: &mut Keys<'_>, draft: &mut Draft<'_>) {
    if let Some(field) = keys.take("static") {
        static_files::again(&field, &mut Server::default(), draft);
    }
}

fn written(mut draft: Draft<'_>, ignored: usize, tenants: usize) -> Import {
    let source = draft.options.source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mark = MARK.trim_start_matches("# ");
    let head = [
        format!("{mark} from {source}, whose lines are named below."),
        "Change that and import again; what is only for tenantd goes into drop-ins (units/NAME.toml.d/*.toml)."
            .to_owned(),
    ];
    let mut files = vec![(PathBuf::from("tenantd.toml"), toml::file(&head, &draft.take_daemon()))];
    for (stem, tables) in &draft.units {
        files.push((PathBuf::from(format!("units/{stem}.toml")), toml::file(&head, tables)));
    }
    let mut rows = draft.report.rows;
    rows.sort_by_key(|row| row.line);
    Import { files, rows, changes: draft.report.changes, ignored, tenants }
}
