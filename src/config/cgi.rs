//! `[[cgi]]`: paths that a script answers (RFC 3875). Never runs one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Auth;
use super::limit::methods;
use crate::unit::account::{group, user};
use crate::unit::command::command;
use crate::unit::layers::{Layer, Layers, Node};
use crate::unit::report::Report;
use crate::unit::route::{OFF, check_path};
use crate::unit::sandbox::memory;
use crate::unit::section::{Fields, Section, section};
use crate::unit::service::variables;
use crate::unit::value::{Cx, Value, positive};
use crate::unit::{Name, Sandbox, Service, Unit};

section! {
    /// A script that answers a path: one process for each request, as CGI (RFC 3875) has it. It gets the request's body on
    /// stdin, its head as variables (`REQUEST_METHOD`, `QUERY_STRING`, `HTTP_ACCEPT` …), and writes fields, an empty line
    /// and the body on stdout, which goes on to the client as it comes. What it writes on stderr is in the log, as
    /// `cgi:PATH`. An exit code other than 0 is 502, or a connection that is cut if the answer had begun. When it ends,
    /// whatever it has started ends with it: what shall go on belongs in a unit.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Cgi in "cgi" [many] (fields) {
        /// The path, exact: "/update_config"; or with all below it: "/tools/*", which the script finds in `PATH_INFO`. The
        /// longest wins.
        path: String as script_path = fields.required("path", "write path = \"/update_config\"");
        /// The command: an array of words, or a string split as a shell splits words, without a shell. The first word is an
        /// absolute path, or a name looked up in `PATH`.
        exec: Vec<String> as command = fields.required("exec", "write exec = [\"/rails/script/update_config.rb\"]");
        /// Methods that it answers; default GET, HEAD and POST. Others go on as if the script were not there, so that another
        /// `[[cgi]]` of the same path can answer them.
        methods: Vec<String> as methods = ["GET", "HEAD", "POST"].map(str::to_owned).to_vec();
        /// User to run as: a name, or a number (`1000`, or `1000:1000` with the group). Default: tenantd's own.
        user: Option<String> as user = None;
        /// Primary group, by name or number; default: the user's.
        group: Option<String> as group = None;
        /// Who may run it, by the name that `[auth]` has verified; others get 403, and so does everybody where `[auth]` does
        /// not ask for a password. Default: everybody.
        allowed_users: Vec<String> = Vec::new();
        /// Variables of the script, beside those of CGI. It inherits nothing else but `PATH`, `LANG`, `LC_ALL`, `TZ` and `TERM`.
        environment: BTreeMap<String, String> = BTreeMap::new();
        /// Names of variables passed on from tenantd's own environment.
        pass_environment: Vec<String> as variables = Vec::new();
        /// Working directory, an absolute path; default: the directory of the program.
        working_directory: Option<PathBuf> = None;
        /// Longest run, until the client has all of the answer; default 30 s. Then the script and all that it has started are
        /// killed, and the client gets 504.
        timeout: Duration as positive = Duration::from_secs(30);
        /// The configuration is read again when the script has exited with 0; default false.
        reload_config: bool = false;
        /// Most memory in bytes ("512M") of one run; it needs a cgroup. Default "infinity".
        memory_max: Option<u64> as memory = None;
        /// Most runs at once; default 4. Further requests wait for up to 10 s, then 503.
        running: usize as positive = 4;
    }
}

impl Cgi {
    /// Reads every `[[cgi]]`. Two that answer the same request could not be told apart.
    pub(super) fn read_all(layers: &Layers<'_>, cx: &mut Cx<'_>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for node in layers.node("", Self::DOC.name).into_iter().flat_map(Node::items) {
            let Some(table) = node.value.as_table() else { continue };
            let item = Layers(vec![Layer::Sections(node.place.file, table)]);
            let script = Self::read(&mut Fields::item("[cgi]", node.place, &item, cx));
            let others = all.iter().filter(|other| other.path == script.path && !script.path.is_empty());
            let twice = others.flat_map(|other| &other.methods).find(|method| script.methods.contains(method));
            if let Some(method) = twice {
                cx.key = ("[cgi]", "path");
                let words = format!("a second [[cgi]] answers {method} {}; give each its own methods", script.path);
                cx.error(item.place("", "path"), words);
            }
            all.push(script);
        }
        all
    }

    /// The script's path itself, without the `/*`.
    pub fn script_name(&self) -> &str {
        self.path.strip_suffix("/*").unwrap_or(&self.path)
    }

    /// What of a decoded path lies behind the script's own (`PATH_INFO`); `None` if the path is not its.
    pub fn path_info<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.script_name())?;
        let below = self.path.ends_with("/*") && rest.starts_with('/');
        (rest.is_empty() || below).then_some(rest)
    }

    /// The script as a unit that no file defines; its runs are instances of it.
    pub fn unit(&self) -> Unit {
        let service = Service {
            exec_start: self.exec.clone(),
            user: self.user.clone(),
            group: self.group.clone(),
            environment: self.environment.clone(),
            pass_environment: self.pass_environment.clone(),
            working_directory: self.working_directory.clone().or_else(|| self.home()),
            ..Service::default()
        };
        let sandbox = Sandbox { memory_max: self.memory_max, ..Sandbox::default() };
        Unit { sandbox, ..Unit::bare(self.name(), service) }
    }

    /// Where its program lies.
    fn home(&self) -> Option<PathBuf> {
        let program = Path::new(self.exec.first()?);
        program.is_absolute().then(|| program.parent().map(Path::to_owned)).flatten()
    }

    /// `cgi:tools-update` for `/tools/update`, as systemd escapes paths.
    fn name(&self) -> Name {
        Name::of_path("cgi", self.script_name())
    }
}

/// A script for some users alone is for nobody where no password is asked for.
pub(super) fn look_for_guards(scripts: &[Cgi], auth: &Auth, daemon: &Layers<'_>, report: &mut Report) {
    let open = auth.open().ok().filter(|_| auth.htpasswd.is_some() && auth.realm != OFF);
    for (index, script) in scripts.iter().enumerate().filter(|(_, script)| !script.allowed_users.is_empty()) {
        if open.as_ref().is_none_or(|open| open.is_match(script.script_name().as_bytes())) {
            let message = "[[cgi]] allowed_users: [auth] asks nobody for a password here, so that everybody gets 403; \
                           give [auth] an htpasswd, and take the path out of its public paths";
            report.warning(daemon.item_place("", Cgi::DOC.name, index), message);
        }
    }
}

/// Doubts about programs that are not there: an image that is being built may get them later.
pub(super) fn look_for_programs(scripts: &[Cgi], daemon: &Layers<'_>, report: &mut Report) {
    for (index, script) in scripts.iter().enumerate() {
        let program = script.exec.first().map(Path::new).filter(|program| program.is_absolute());
        if let Some(program) = program.filter(|program| !program.exists()) {
            let message = format!("[[cgi]] exec: {} is not there; requests will get 502", program.display());
            report.warning(daemon.item_place("", Cgi::DOC.name, index), message);
        }
    }
}

fn script_path(node: Node<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let text = String::read(node, cx)?;
    let own = text.strip_suffix("/*").unwrap_or(&text);
    if own.contains('*') {
        cx.error(node.place, format!("\"{text}\": only a whole last segment can be *, as in \"/tools/*\""));
        return None;
    }
    if own.contains('%') {
        cx.error(node.place, format!("\"{text}\": write the path decoded, without %"));
        return None;
    }
    if !matches!(own, "" | "/") {
        cx.good(node.place, check_path(own))?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_exact_or_has_all_below_it() {
        for (script, path, info) in [
            ("/a", "/a", Some("")),
            ("/a", "/a/", None),
            ("/a", "/ab", None),
            ("/a", "/A", None),
            ("/a/*", "/a", Some("")),
            ("/a/*", "/a/", Some("/")),
            ("/a/*", "/a/b c/d", Some("/b c/d")),
            ("/a/*", "/ab", None),
            ("/*", "/x/y", Some("/x/y")),
            ("/", "/", Some("")),
            ("/", "/x", None),
        ] {
            let script = Cgi { path: script.into(), ..Cgi::default() };
            assert_eq!(script.path_info(path), info, "{} {path}", script.path);
        }
    }

    #[test]
    fn a_script_is_at_home_where_its_program_lies() {
        for (exec, given, directory) in [
            ("/rails/script/x.rb", None, Some("/rails/script")),
            ("ruby", None, None),
            ("/rails/script/x.rb", Some("/w"), Some("/w")),
        ] {
            let script = Cgi {
                path: "/x".into(),
                exec: vec![exec.into()],
                working_directory: given.map(PathBuf::from),
                ..Cgi::default()
            };
            let unit = script.unit();
            assert_eq!(unit.service.working_directory.as_deref(), directory.map(Path::new), "{exec}");
            assert_eq!(unit.name.as_str(), "cgi:x");
        }
    }
}
