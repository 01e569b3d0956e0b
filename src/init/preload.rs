//! Preloaded templates: boots them, has tenants forked by them, and knows why one is started by exec instead. What
//! that means for a unit is the manager's word.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use slotmap::SecondaryMap;

use super::Init;
use super::forking::{Forking, Told};
use crate::manager::{Event, Notice, Step, Whom};
use crate::poller::{Source, data};
use crate::preload::{self, Boot, Ready};
use crate::process::template::{Heard, Room, Wire};
use crate::unit::{Engine, Signal, Template, UnitId};

/// All templates, and all that is being forked.
#[derive(Default)]
pub(super) struct Preload {
    pub live: SecondaryMap<UnitId, Live>,
    pub forks: SecondaryMap<UnitId, Forking>,
    /// What is to be said of a tenant's last start.
    pub told: SecondaryMap<UnitId, Told>,
    pub room: Room,
}

/// A template that runs.
pub(super) struct Live {
    pub wire: Wire,
    /// What it was started with.
    pub environment: BTreeMap<String, String>,
    /// What it said when it had booted.
    pub ready: Option<Ready>,
}

/// The socket of a template to come: our end and its.
pub(super) struct Control {
    ours: Wire,
    pub theirs: OwnedFd,
}

impl Preload {
    /// The control socket of a template.
    pub(super) fn control(&self, template: UnitId) -> Option<BorrowedFd<'_>> {
        self.live.get(template).map(|live| live.wire.as_fd())
    }

    /// Where what is forked for a unit answers.
    pub(super) fn reply(&self, unit: UnitId) -> Option<BorrowedFd<'_>> {
        self.forks.get(unit).map(|forking| forking.reply.as_fd())
    }

    /// When the first fork is overdue.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let waiting = self.forks.values().filter(|forking| forking.pid.is_none());
        waiting.map(|forking| forking.due).min()
    }

    /// What a template said when it had booted.
    pub(super) fn ready(&self, template: UnitId) -> Option<&Ready> {
        self.live.get(template)?.ready.as_ref()
    }
}

impl Init {
    /// The socket of a process that is to be a template; `None` for all others.
    pub(super) fn control_of(&self, id: UnitId, step: Step) -> Result<Option<Control>, String> {
        let template = self.manager.unit(id).and_then(|unit| unit.template.as_deref());
        let Some(Template { engine, .. }) = template.filter(|_| step == Step::Start) else { return Ok(None) };
        let path = self.notify_path.with_file_name("preload");
        write_script(&path, *engine)
            .map_err(|error| format!("cannot write its script in {}: {error}", path.display()))?;
        let (ours, theirs) = Wire::pair().map_err(|error| format!("cannot make its socket: {error}"))?;
        Ok(Some(Control { ours, theirs }))
    }

    /// A template boots: it is told what.
    pub(super) fn boots(&mut self, id: UnitId, control: Control, environment: BTreeMap<String, String>) {
        let Some(template) = self.manager.unit(id).and_then(|unit| unit.template.as_deref()) else { return };
        let Template { argv, warm, hook, hook_required, declared, .. } = template;
        let hook = Some(hook.as_path()).filter(|hook| *hook_required || hook.exists());
        let boot = Boot { argv, warm, hook, hook_required: *hook_required, declared };
        let sent = boot.encode().map_err(|error| error.to_string());
        let sent = sent.and_then(|message| control.ours.send(&message, &[]).map_err(|error| error.to_string()));
        self.preload.live.insert(id, Live { wire: control.ours, environment, ready: None });
        match sent {
            Ok(()) => self.watch(Source::Template(data(id))),
            Err(why) => self.drop_template(id, &why),
        }
    }

    /// A template says something, or has ended.
    pub(super) fn template_says(&mut self, id: UnitId) {
        loop {
            let Preload { live, room, .. } = &mut self.preload;
            let Some(Live { wire, ready, .. }) = live.get_mut(id) else { return };
            let why = match wire.hear(room) {
                Ok(Heard::Nothing) => return,
                Ok(Heard::End) => {
                    live.remove(id);
                    return;
                }
                Ok(Heard::Broken) => "a message that is too long".to_owned(),
                Err(error) => error.to_string(),
                Ok(Heard::Message(message, _)) => match preload::decode_template(message) {
                    Ok(told) if told.databases_open > 0 => {
                        format!("{} databases are open, which each tenant would inherit", told.databases_open)
                    }
                    Ok(told) => {
                        *ready = Some(told);
                        self.template_ready(id);
                        continue;
                    }
                    Err(malformed) => malformed.to_string(),
                },
            };
            return self.drop_template(id, &why);
        }
    }

    fn template_ready(&mut self, id: UnitId) {
        let (Some(unit), Some(ready)) = (self.manager.unit(id), self.preload.ready(id)) else { return };
        let Ready { engine, seconds, warmed, notes, .. } = ready;
        let warmed: Vec<_> = warmed.iter().map(|(path, status)| format!(", {path} {status}")).collect();
        let (name, warmed) = (&unit.name, warmed.concat());
        self.journal.say(Some(name), format_args!("booted {engine} in {seconds:.1}s{warmed}"));
        for note in notes {
            self.journal.say(Some(name), format_args!("{note}"));
        }
        self.manager.dispatch(self.now, Event::Notified(id, Notice::Ready));
    }

    /// It is of no use: it is killed, and its unit restarts it.
    fn drop_template(&mut self, id: UnitId, why: &str) {
        self.preload.live.remove(id);
        let name = self.manager.unit(id).map(|unit| &unit.name);
        self.journal.say(name, format_args!("refused: {why}"));
        self.signal(id, Whom::All, Signal::KILL);
    }
}

/// Writes the script of an engine, for everybody to read, unless it is there.
fn write_script(directory: &Path, engine: Engine) -> io::Result<()> {
    let (path, script) = (directory.join(engine.script()), preload::script(engine));
    if std::fs::read(&path).is_ok_and(|there| there == script.as_bytes()) {
        return Ok(());
    }
    std::fs::create_dir_all(directory)?;
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let new = path.with_extension("new");
    std::fs::write(&new, script)?;
    std::fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    std::fs::rename(&new, &path)
}
