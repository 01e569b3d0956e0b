//! `[service] preload`: the template of an application's tenants, derived from what their unit file says for all of them.
//! Pure: it boots nothing, and holds nothing of any one tenant.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::kind::Kind;
use super::layers::{Layers, Node};
use super::load::Draft;
use super::notify_access::NotifyAccess;
use super::report::Report;
use super::section::{Fields, Section};
use super::specifier::{Scope, is_shared};
use super::value::{Cx, Value};
use super::words::split_words;
use super::{Name, Pass, Restart, Service, ServiceType, Unit};

/// `[service] preload`: what the template knows to boot and to fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Rails on Puma.
    Rails,
    /// A Python application on gunicorn.
    Wsgi,
}

/// `[service] preload_start`: when the template boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PreloadStart {
    /// With the first tenant, which itself is still started by exec. The default.
    #[default]
    Wanted,
    /// With tenantd; and it stays.
    Boot,
}

/// What makes a unit a template: how its application is booted, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What it boots.
    pub engine: Engine,
    /// The server's words, from its name on, as the tenants have them but for their own names.
    pub argv: Vec<String>,
    /// Paths that are asked for before the first fork.
    pub warm: Vec<String>,
    /// The file that each child runs to make itself the tenant's, absolute.
    pub hook: PathBuf,
    /// It must exist: it was asked for.
    pub hook_required: bool,
    /// Variables in which tenants may differ.
    pub declared: Vec<String>,
    /// It is stopped when no tenant has run for so long; `None` is never.
    pub idle_stop: Option<Duration>,
}

impl Engine {
    /// The program in `exec_start` that a child becomes.
    pub fn server(self) -> &'static str {
        match self {
            Self::Rails => "puma",
            Self::Wsgi => "gunicorn",
        }
    }

    /// What runs the script of this server: looked up in `PATH`, or that of the server's own virtual environment.
    fn interpreter(self, server: &str) -> String {
        match (self, server.rsplit_once('/')) {
            (Self::Rails, _) => "ruby".to_owned(),
            (Self::Wsgi, Some((directory, _))) => format!("{directory}/python3"),
            (Self::Wsgi, None) => "python3".to_owned(),
        }
    }

    /// The script's name below `%t/preload`.
    pub fn script(self) -> &'static str {
        match self {
            Self::Rails => "rails.rb",
            Self::Wsgi => "wsgi.py",
        }
    }

    /// The hook where none is named, below the working directory.
    fn hook(self) -> &'static str {
        match self {
            Self::Rails => "config/tenant_fork.rb",
            Self::Wsgi => "tenant_fork.py",
        }
    }

    /// Where the server stands in a command: `bundle exec puma …` is 2.
    pub fn find(self, command: &[String]) -> Option<usize> {
        command.iter().position(|word| word.rsplit('/').next() == Some(self.server()))
    }
}

impl Value for Engine {
    const KIND: Kind = Kind::Words(&["rails", "wsgi"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("rails", Self::Rails), ("wsgi", Self::Wsgi)])
    }
}

impl super::value::Optional for Engine {}

impl Value for PreloadStart {
    const KIND: Kind = Kind::Words(&["wanted", "boot"]);

    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("wanted", Self::Wanted), ("boot", Self::Boot)])
    }
}

/// Paths to ask for.
pub(crate) fn warm_paths(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Vec<String>> {
    let paths = Vec::<String>::read(node, cx)?;
    for (path, item) in paths.iter().zip(node.items()) {
        let good = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        let why = "a path to ask for begins with / and has no blanks: \"/events\"";
        cx.good(item.place, good.then_some(()).ok_or(why))?;
    }
    Some(paths)
}

/// What keeps a tenant from being forked from this template, as far as their units say: the key in which they differ.
pub fn unlike(template: &Unit, tenant: &Unit) -> Option<&'static str> {
    let Some(Template { engine, .. }) = template.template.as_deref() else { return Some("preload") };
    let (ours, theirs) = (&template.service, &tenant.service);
    let prefix = |command: &[String], at: Option<usize>| at.map(|at| command[..at].to_vec());
    let script = |word: &String| Path::new(word).file_name() == Some(engine.script().as_ref());
    let script = ours.exec_start.iter().position(script);
    let own = prefix(&ours.exec_start, script.and_then(|at| at.checked_sub(1)));
    let user = |service: &Service| (service.user.clone(), service.group.clone(), service.supplementary_groups.clone());
    // Without a user of its own it is who we are, and can become anybody that we can.
    let same_user = ours.user.is_none() && ours.group.is_none() || user(ours) == user(theirs);
    [
        ("preload", theirs.preload != Some(*engine)),
        ("exec_start", own != prefix(&theirs.exec_start, engine.find(&theirs.exec_start))),
        ("working_directory", ours.working_directory != theirs.working_directory),
        ("user", !same_user),
        ("pass_environment", ours.pass_environment != theirs.pass_environment),
    ]
    .into_iter()
    .find_map(|(key, differs)| differs.then_some(key))
}

/// The templates of these units: one for each unit file whose tenants ask for one.
pub(crate) fn derive(drafts: &[Draft<'_>], runtime: &str, report: &mut Report) -> Vec<Unit> {
    let mut seen = HashSet::new();
    let wanting = drafts.iter().filter(|draft| draft.sound && draft.unit.service.preload.is_some());
    let first = wanting.filter(|draft| seen.insert(draft.unit.name.prefix()));
    first.filter_map(|draft| template(draft, runtime, report)).collect()
}

/// Whether one unit may ask for a template.
pub(crate) fn check(Draft { unit, layers, shared, .. }: &Draft<'_>, report: &mut Report) {
    let service = &unit.service;
    let place = |key| layers.place("service", key);
    let Some(engine) = service.preload else {
        let keys = ["preload_warm", "preload_hook", "preload_env", "preload_start"];
        for key in keys.into_iter().filter(|key| layers.node("service", key).is_some()) {
            report.warning(place(key), format!("[service] {key}: there is no preload; write preload = \"rails\""));
        }
        return;
    };
    let server = engine.server();
    let wrong = if *shared == 0 {
        Some("only tenants have a template: make the unit a template, NAME@.toml, with [[instance]]s".to_owned())
    } else if engine.find(&service.exec_start).is_none() {
        Some(format!(
            "exec_start does not run {server}; write [\"bundle\", \"exec\", \"{server}\", …], or leave it out"
        ))
    } else if unit.socket.as_ref().is_none_or(|socket| socket.pass != Pass::Fds) {
        Some("a forked tenant gets its socket passed; write [socket] pass = \"fds\", and a [route]".to_owned())
    } else if service.working_directory.is_none() {
        Some("where is the application? write working_directory".to_owned())
    } else {
        None
    };
    if let Some(wrong) = wrong {
        report.error(place("preload"), format!("[service] preload: {wrong}"));
    }
}

/// The template of this tenant and its like.
fn template(draft: &Draft<'_>, runtime: &str, report: &mut Report) -> Option<Unit> {
    let Draft { unit, layers, shared, .. } = draft;
    let engine = unit.service.preload?;
    let at = engine.find(&unit.service.exec_start)?;
    let name = unit.name.template();
    let lower = Layers(layers.0[..*shared].to_vec());
    // What depends on the tenant cannot be said of the template: it is left out, and no mistake.
    let mut unsaid = Report::default();
    let scope = Scope { name: &name, runtime, vars: Vec::new() };
    let mut cx = Cx { scope: Some(&scope), report: &mut unsaid, key: ("", "") };
    let own = Service::read(&mut Fields::new::<Service>(&lower, &mut cx));
    let Some(working_directory) = own.working_directory.clone() else {
        let why = "its template boots the application once for all: write a working_directory that all tenants share";
        report.error(layers.place("service", "working_directory"), format!("[service] preload: {why}"));
        return None;
    };
    if own.user.is_none() && unit.service.user.is_some() {
        let why = "the tenants have users of their own, so that the template boots the application as tenantd's";
        report.warning(
            layers.place("service", "user"),
            format!("[service] preload: {why}; give them one user if you can"),
        );
    }
    let script = Path::new(runtime).join("preload").join(engine.script()).display().to_string();
    let exec_start =
        unit.service.exec_start[..at].iter().cloned().chain([engine.interpreter(&unit.service.exec_start[at]), script]);
    // The script does not read them: they make room for the title of a tenant's process.
    let argv = server_words(&lower, &name, runtime, layers);
    let exec_start: Vec<String> = exec_start.chain(argv.iter().cloned()).collect();
    let hook = own.preload_hook.as_deref();
    let template = Template {
        engine,
        argv,
        warm: own.preload_warm.clone(),
        hook: working_directory.join(hook.unwrap_or(engine.hook())),
        hook_required: hook.is_some(),
        declared: own.preload_env.clone(),
        idle_stop: own.idle_stop.filter(|_| own.preload_start == PreloadStart::Wanted),
    };
    let boots = own.preload_start == PreloadStart::Boot;
    let service = Service {
        kind: ServiceType::Notify,
        exec_start,
        exec_start_pre: Vec::new(),
        exec_start_post: Vec::new(),
        exec_reload: Vec::new(),
        exec_stop: Vec::new(),
        exec_stop_post: Vec::new(),
        essential: false,
        working_directory: Some(working_directory),
        environment: environment(&lower, &mut Cx { scope: Some(&scope), report: &mut unsaid, key: ("", "") }),
        runtime_directory: Vec::new(),
        state_directory: Vec::new(),
        restart: Restart::Always,
        notify_access: NotifyAccess::None,
        watchdog: None,
        timeout_start: Some(BOOT),
        idle_stop: None,
        preload: None,
        ..own
    };
    Some(Unit {
        description: format!("Template of {}@", name.prefix()),
        wanted_by: if boots { vec![super::Target::Boot] } else { Vec::new() },
        source: unit.source.clone(),
        template: Some(Box::new(template)),
        ..Unit::bare(name, service)
    })
}

/// How long an application may boot, with its views warmed.
const BOOT: Duration = Duration::from_secs(300);

/// The variables that are the same for all tenants by what is written, not by chance.
fn environment(lower: &Layers<'_>, cx: &mut Cx<'_>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (key, _, node) in lower.nodes("service", "environment").rev().flat_map(Node::entries) {
        let shared = node.value.as_str().is_some_and(is_shared);
        all.entry(key.to_owned()).or_insert_with(|| if shared { String::read(node, cx) } else { None });
    }
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// The words of the server, with the template's name where a tenant's would be.
fn server_words(lower: &Layers<'_>, name: &Name, runtime: &str, layers: &Layers<'_>) -> Vec<String> {
    let Some(node) = lower.node("service", "exec_start") else { return Vec::new() };
    let vars = layers.nodes("", "vars").flat_map(Node::entries);
    let vars = vars.map(|(var, _, _)| (var, Name::TEMPLATE.to_owned())).collect();
    let scope = Scope { name, runtime, vars };
    let words = match node.value.as_str() {
        Some(text) => split_words(text).unwrap_or_default(),
        None => node.items().filter_map(|item| item.value.as_str().map(str::to_owned)).collect(),
    };
    // A name that the template has for its tenants is no secret of any of them.
    let expand = |word: &String| {
        let plain = word.replace("%i", Name::TEMPLATE).replace("%n", name.as_str());
        scope.expand(&plain, &mut |_| {}).map(std::borrow::Cow::into_owned)
    };
    let words: Vec<String> = words.iter().filter_map(expand).collect();
    let server = words.iter().position(|word| {
        [Engine::Rails, Engine::Wsgi].iter().any(|engine| word.rsplit('/').next() == Some(engine.server()))
    });
    server.map_or_else(Vec::new, |at| words[at..].to_vec())
}
