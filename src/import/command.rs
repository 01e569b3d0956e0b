//! Which command a tenant is: Navigator's `runtime`, `server` and `args`, and the frameworks of its documentation.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::keys::{Field, Keys};
use super::value;

/// How to run something; what is missing is somebody else's, or Navigator's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    pub runtime: Option<String>,
    pub server: Option<String>,
    pub args: Option<Vec<String>>,
    /// The documentation's: instead of runtime and server.
    pub command: Option<String>,
    /// Another name for `PORT`.
    pub port: Option<String>,
    /// Where the application is.
    pub directory: Option<String>,
}

/// Navigator's default, but on loopback alone.
const DEFAULT: [&str; 7] = ["ruby", "bin/rails", "server", "-b", "127.0.0.1", "-p", "{{port}}"];

impl Command {
    /// Reads the keys of a tenant, or of a framework.
    pub fn read(keys: &mut Keys<'_>, live: bool, draft: &mut Draft<'_>) -> Self {
        let mut all = Self::default();
        let became = "a word of [service] exec_start";
        for (key, slot) in [("runtime", &mut all.runtime), ("server", &mut all.server)] {
            if let Some(field) = keys.take(key) {
                *slot = field.text(draft).filter(|word| !word.is_empty());
                if live { draft.mapped(&field, became) } else { draft.works(&field, became) }
            }
        }
        for (key, slot) in
            [("runtime_exec", &mut all.runtime), ("server_exec", &mut all.server), ("command", &mut all.command)]
        {
            if let Some(field) = keys.take(key) {
                *slot = field.text(draft).filter(|word| !word.is_empty());
                draft.works(&field, became);
            }
        }
        for key in ["args", "server_args"] {
            if let Some(field) = keys.take(key) {
                all.args = Some(field.texts(draft));
                let live = live && key == "args";
                if live {
                    draft.mapped(&field, "[service] exec_start")
                } else {
                    draft.works(&field, "[service] exec_start")
                }
                warn(&field, all.args.as_deref().unwrap_or_default(), draft);
            }
        }
        all
    }

    /// What `self` does not say, as the other does.
    pub fn or(self, other: &Self) -> Self {
        let other = other.clone();
        Self {
            runtime: self.runtime.or(other.runtime),
            server: self.server.or(other.server),
            args: self.args.or(other.args),
            command: self.command.or(other.command),
            port: self.port.or(other.port),
            directory: self.directory.or(other.directory),
        }
    }

    /// All words, with the placeholder of the port.
    pub fn words(&self) -> Vec<String> {
        let default = || DEFAULT.iter().map(|&word| word.to_owned());
        let args = |least: usize| self.args.clone().unwrap_or_else(|| default().skip(least).collect());
        match (&self.command, &self.runtime, &self.server) {
            (Some(command), None, None) => {
                let words = value::words(command);
                let args = if self.args.is_none() && words.len() > 1 { Vec::new() } else { args(2) };
                [words, args].concat()
            }
            (_, runtime, server) => {
                let runtime = runtime.clone().unwrap_or_else(|| DEFAULT[0].to_owned());
                let server = server.clone().unwrap_or_else(|| DEFAULT[1].to_owned());
                [vec![runtime, server], args(2)].concat()
            }
        }
    }
}

fn warn(field: &Field<'_>, args: &[String], draft: &mut Draft<'_>) {
    if args.iter().any(|word| word.contains("0.0.0.0")) {
        draft.report.change(
            field.line,
            "the tenant listens on all interfaces, past auth, because its args say 0.0.0.0; write 127.0.0.1",
        );
    }
}

/// Commands by the name of their framework; that of the empty name is everybody's.
#[derive(Debug, Default)]
pub(super) struct Frameworks(BTreeMap<String, Command>);

impl Frameworks {
    /// Navigator's maps `runtime`, `server` and `args`, by framework; plain values are everybody's.
    pub fn maps(&mut self, keys: &mut Keys<'_>, draft: &mut Draft<'_>) {
        for key in ["runtime", "server", "args"] {
            let Some(field) = keys.take(key) else { continue };
            let plain = !matches!(field.node.value, super::yaml::Yaml::Map(_));
            let all = if plain { vec![("", field.clone())] } else { field.keys(draft).all() };
            for (name, value) in all {
                let entry = self.0.entry(name.to_owned()).or_default();
                match key {
                    "runtime" => entry.runtime = value.text(draft),
                    "server" => entry.server = value.text(draft),
                    _ => {
                        entry.args = Some(value.texts(draft));
                        warn(&value, entry.args.as_deref().unwrap_or_default(), draft);
                    }
                }
            }
            let became = "[service] exec_start";
            if plain { draft.works(&field, became) } else { draft.mapped(&field, became) }
        }
    }

    /// `framework`: one for everybody, which Navigator drops.
    pub fn everybody(&mut self, field: &Field<'_>, draft: &mut Draft<'_>) {
        if let super::yaml::Yaml::Text(_) = field.node.value {
            // Only a name: Rails is the default, others are known by their commands alone.
            return draft.works(field, "the name of the template");
        }
        let command = framework(field, draft);
        draft.report.change(field.line, "framework is honoured: its command runs the tenants (Navigator dropped it)");
        self.0.insert(String::new(), command);
    }

    /// `frameworks`: by name.
    pub fn named(&mut self, field: &Field<'_>, draft: &mut Draft<'_>) {
        for (name, field) in field.keys(draft).all() {
            let command = framework(&field, draft);
            self.0.insert(name.to_owned(), command);
        }
    }

    /// The command of a tenant.
    pub fn of(&self, own: Command, framework: &str) -> Command {
        let none = Command::default();
        own.or(self.0.get(framework).unwrap_or(&none)).or(self.0.get("").unwrap_or(&none))
    }
}

fn framework(field: &Field<'_>, draft: &mut Draft<'_>) -> Command {
    let mut keys = field.keys(draft);
    let mut command = Command::read(&mut keys, false, draft);
    if let Some(field) = keys.take("app_directory") {
        command.directory = field.text(draft);
        draft.works(&field, "[service] working_directory");
    }
    if let Some(field) = keys.take("port_env_var") {
        command.port = field.text(draft).filter(|name| name != "PORT");
        draft.works(&field, "PORT under this name");
    }
    if let Some(field) = keys.take("start_delay") {
        draft.mapped(&field, "no key: the first request waits until the tenant accepts, and no longer");
    }
    for key in ["name", "health_check", "startup_timeout"] {
        keys.take(key);
    }
    keys.finish(draft);
    command
}
