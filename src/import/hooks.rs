//! `hooks`: commands at the server's and the tenants' turns of life. Those of the server are oneshot units, one a command, each
//! after the one before; those of the tenants go into their template.

use std::time::Duration;

use super::draft::Draft;
use super::environment::{self, Environment};
use super::keys::Field;
use super::settings::Settings;
use super::toml::{Table, Toml};
use super::value;
use crate::unit::parse_duration;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hook {
    pub line: u32,
    /// Safe for a unit.
    pub command: Vec<String>,
    /// `None` is no limit.
    pub timeout: Option<String>,
    /// Another navigator.yml, to be used when the command has succeeded: its path, and what is relative to what in it.
    pub reload: Option<[String; 2]>,
    pub directory: String,
    pub environment: Vec<(String, Toml)>,
    pub passed: Vec<String>,
}

/// Navigator's lists of the server, and ours; whether Navigator ran them.
const LISTS: [(&str, &str, bool); 5] = [
    ("start", "boot", true),
    ("ready", "ready", true),
    ("idle", "idle", true),
    ("resume", "resume", true),
    ("stop", "shutdown", false),
];

/// What the template of the tenants needs of it.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    pub tenants: Settings,
    /// The last unit that must have succeeded before a tenant starts.
    pub first: Option<String>,
    /// When the server's ready hooks have run, another configuration is used.
    pub reloads: bool,
}

/// Reads `hooks`. `processes` are up before the first hook.
pub(super) fn hooks(field: Option<&Field<'_>>, processes: &[String], draft: &mut Draft<'_>) -> Hooks {
    let mut hooks = Hooks::default();
    let Some(field) = field else { return hooks };
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("server") {
        let mut keys = field.keys(draft);
        for (key, target, live) in LISTS {
            let Some(field) = keys.take(key) else { continue };
            let (last, reloads) = server(&field, target, live, processes, draft);
            match key {
                "start" => hooks.first = last,
                "ready" => hooks.reloads = reloads,
                _ => {}
            }
        }
        keys.finish(draft);
    }
    if let Some(field) = keys.take("tenant") {
        let mut keys = field.keys(draft);
        let (start, stop) = (keys.take("start"), keys.take("stop"));
        hooks.tenants.hooks(start, stop, true, draft);
        keys.finish(draft);
    }
    keys.finish(draft);
    hooks
}

/// One list; the answer is its last unit, and whether one of its commands brings another configuration.
fn server(
    field: &Field<'_>,
    target: &str,
    live: bool,
    before: &[String],
    draft: &mut Draft<'_>,
) -> (Option<String>, bool) {
    let all = list(field, draft);
    let became = format!("a oneshot unit a command, wanted_by = [\"{target}\"]");
    if all.is_empty() {
        draft.as_is(field, "nothing");
        return (None, false);
    }
    if live {
        draft.mapped(field, &became)
    } else {
        draft.works(field, &became)
    }
    match target {
        "shutdown" => draft.report.change(
            field.line,
            "hooks.server.stop begins to run, when the tenants have ended (Navigator dropped it): see that [shutdown] budget \
             and the container's stop timeout are long enough for it",
        ),
        "idle" | "resume" => draft.report.change(
            field.line,
            "idle is when the last tenant has stopped, resume when the first comes again (Navigator: the machine's suspend)",
        ),
        _ => {}
    }
    let reloads = all.iter().any(|hook| hook.reload.is_some());
    let mut last: Option<String> = None;
    for hook in all {
        let tables = hook.tables(target, last.as_deref(), before);
        last = Some(draft.unit(&format!("hook-{}", field_word(field)), "", tables));
    }
    (last, reloads)
}

fn field_word<'f>(field: &'f Field<'_>) -> &'f str {
    field.key.rsplit('.').next().unwrap_or_default()
}

/// The commands of a list.
pub(super) fn list(field: &Field<'_>, draft: &mut Draft<'_>) -> Vec<Hook> {
    field.items().iter().filter_map(|item| hook(item, draft)).collect()
}

fn hook(item: &Field<'_>, draft: &mut Draft<'_>) -> Option<Hook> {
    let root = draft.options.root.to_string_lossy().into_owned();
    if let super::yaml::Yaml::Text(text) = &item.node.value {
        draft.works(item, "a command as one text");
        let command = safe(draft.program(value::words(text), &root));
        return Some(Hook::new(item.line, command, value::literal(&root)));
    }
    let mut keys = item.keys(draft);
    let mut told = Vec::new();
    let mut take = |key, became| {
        let field = keys.take(key)?;
        told.push((field.clone(), became));
        Some(field)
    };
    let command = take("command", "the command");
    let args = take("args", "the command");
    let timeout = take("timeout", "a timeout of the whole process group");
    let reload = take("reload_config", "tenantd import of that file into /etc/tenantd, and tenantd reload");
    let command = command.and_then(|field| field.text(draft)).filter(|text| !text.trim().is_empty());
    let args = args.map(|field| field.texts(draft)).unwrap_or_default();
    let timeout = timeout.and_then(|field| draft.duration(&field)).filter(|span| !value::is_zero(span));
    let reload = reload.and_then(|field| field.text(draft)).filter(|file| !file.is_empty());
    let reload = reload.map(|file| [draft.path(&file), root.clone()].map(|path| value::literal(&path)));
    let directory = keys.take("working_dir").or_else(|| keys.take("working_directory"));
    let environment = keys.take("env");
    for field in [&directory, &environment].into_iter().flatten() {
        draft.works(field, "the unit's own");
    }
    told.iter().for_each(|(field, became)| draft.mapped(field, became));
    let directory = directory.and_then(|field| field.text(draft)).map_or(root, |path| draft.path(&path));
    let Environment { variables, passed } =
        environment.map(|field| environment::of_unit(&field, draft)).unwrap_or_default();
    keys.finish(draft);
    let Some(command) = command else {
        draft.refuse(item, "a hook needs a command; add it");
        return None;
    };
    let program = if args.is_empty() { value::words(&command) } else { vec![command] };
    let words = safe(draft.program([program, args].concat(), &directory));
    let mut hook = Hook::new(item.line, words, value::literal(&directory));
    (hook.timeout, hook.reload, hook.passed) = (timeout, reload, passed);
    hook.environment = if let Toml::Map(entries) = variables { entries } else { Vec::new() };
    Some(hook)
}

/// `%` is no specifier; `${var}` is one, as the documentation says, and is checked where the vars are known.
fn safe(words: Vec<String>) -> Vec<String> {
    words.into_iter().map(|word| word.replace('%', "%%")).collect()
}

/// For hooks without a timeout, which Navigator lets run for ever.
const PATIENCE: Duration = Duration::from_secs(90);

impl Hook {
    /// How long it may take.
    pub fn limit(&self) -> Duration {
        let own = self.timeout.as_deref().and_then(|text| parse_duration(text).ok().flatten());
        own.unwrap_or(PATIENCE)
    }

    fn new(line: u32, command: Vec<String>, directory: String) -> Self {
        Self { line, command, timeout: None, reload: None, directory, environment: Vec::new(), passed: Vec::new() }
    }

    /// A unit of it.
    fn tables(&self, target: &str, after: Option<&str>, before: &[String]) -> Vec<Table> {
        let mut unit = Table::new("[unit]");
        unit.say(format!("line {}", self.line));
        let mut order: Vec<&str> = Vec::new();
        if target == "boot" {
            // Up before the first tenant.
            unit.set("priority", "high");
            order.extend(before.iter().map(String::as_str));
        }
        unit.set("wanted_by", vec![target]);
        order.extend(after);
        if !order.is_empty() {
            unit.set("after", order);
        }
        // The first that fails ends the list.
        unit.may("requires", after.map(|name| vec![name]));
        let mut service = Table::new("[service]");
        service.set("type", "oneshot");
        let command: Vec<String> = self.command.iter().map(|word| word.replace("${", "$${")).collect();
        service.set("exec_start", command);
        if let Some([file, root]) = &self.reload {
            let import = ["tenantd", "import", file, "--root", root, "--out", "/etc/tenantd"];
            let import = import.map(str::to_owned).to_vec();
            service.set("exec_start_post", vec![import, vec!["tenantd".to_owned(), "reload".to_owned()]]);
        }
        service.set("working_directory", self.directory.as_str());
        service.may("timeout_start", self.timeout.as_deref());
        if target == "boot" {
            service.set("remain_after_exit", true);
        }
        service.set("pass_environment", super::template::passed(&self.passed, &self.environment));
        if !self.environment.is_empty() {
            service.set("environment", Toml::Map(self.environment.clone()));
        }
        vec![unit, service]
    }
}
