//! Preloaded templates: boots them, has tenants forked by them, and knows why one is started by exec instead. What
//! that means for a unit is the manager's word.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use slotmap::{SecondaryMap, SlotMap};

use super::Init;
use super::forking::{Forking, Told};
use crate::manager::{Event, Notice, Step, Whom};
use crate::poller::{Source, data};
use crate::preload::{self, Boot, Ready};
use crate::process::template::{Heard, Room, Wire};
use crate::unit::{Engine, Signal, Template, Unit, UnitId};

slotmap::new_key_type! {
    /// One process of a template: while another release boots beside it, there are two.
    pub(super) struct LiveKey;
}

/// All templates, and all that is being forked.
#[derive(Default)]
pub(super) struct Preload {
    live: SlotMap<LiveKey, Live>,
    /// Those that have booted, and fork.
    current: SecondaryMap<UnitId, LiveKey>,
    /// Releases for which a template was booted anew, once each.
    outdated: SecondaryMap<UnitId, Release>,
    pub forks: SecondaryMap<UnitId, Forking>,
    /// What is to be said of a tenant's last start.
    pub told: SecondaryMap<UnitId, Told>,
    pub room: Room,
}

/// The process of a template.
pub(super) struct Live {
    id: UnitId,
    pid: u32,
    pub wire: Wire,
    /// The unit as it was started.
    pub like: Unit,
    /// What it was started with.
    pub environment: BTreeMap<String, String>,
    /// The keys that the hook takes care of; without the file, nobody does.
    pub declared: Vec<String>,
    /// What it has booted.
    release: Option<Release>,
    /// What it said when it had booted.
    pub ready: Option<Ready>,
}

/// Which code lies in a directory: where it really is, and what its REVISION says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Release {
    root: PathBuf,
    revision: Option<Vec<u8>>,
}

impl Release {
    fn of(unit: &Unit) -> Option<Self> {
        let root = std::fs::canonicalize(unit.service.working_directory.as_deref()?).ok()?;
        let file =
            File::open(root.join("REVISION")).ok().filter(|file| file.metadata().is_ok_and(|about| about.is_file()));
        let mut text = Vec::new();
        let read = file.and_then(|file| file.take(256).read_to_end(&mut text).ok());
        Some(Self { root, revision: read.map(|_| text) })
    }
}

/// The socket of a template to come: our end and its.
pub(super) struct Control {
    ours: Wire,
    pub theirs: OwnedFd,
}

impl Preload {
    /// The control socket of a template's process.
    pub(super) fn control(&self, key: LiveKey) -> Option<BorrowedFd<'_>> {
        self.live.get(key).map(|live| live.wire.as_fd())
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

    /// The process that forks for a template.
    pub(super) fn current(&self, template: UnitId) -> Option<&Live> {
        self.live.get(*self.current.get(template)?)
    }

    /// The code that is there now is not what the template has booted. `true` the first time for each release.
    pub(super) fn is_outdated(&mut self, template: UnitId) -> Option<bool> {
        let live = self.current(template)?;
        let (there, booted) = (Release::of(&live.like), &live.release);
        let new = there.filter(|there| Some(there) != booted.as_ref())?;
        Some(self.outdated.insert(template, new.clone()) != Some(new))
    }

    fn forget(&mut self, key: LiveKey) -> Option<Live> {
        let live = self.live.remove(key)?;
        if self.current.get(live.id) == Some(&key) {
            self.current.remove(live.id);
        }
        Some(live)
    }
}

impl Init {
    /// The socket of a process that is to be a template; `None` for all others.
    pub(super) fn control_of(&self, id: UnitId, step: Step) -> Result<Option<Control>, String> {
        let template = self.manager.unit(id).and_then(|unit| unit.template.as_deref());
        let boots = matches!(step, Step::Start | Step::Replace);
        let Some(Template { engine, .. }) = template.filter(|_| boots) else { return Ok(None) };
        let path = self.notify_path.with_file_name("preload");
        write_script(&path, *engine)
            .map_err(|error| format!("cannot write its script in {}: {error}", path.display()))?;
        let (ours, theirs) = Wire::pair().map_err(|error| format!("cannot make its socket: {error}"))?;
        Ok(Some(Control { ours, theirs }))
    }

    /// The process of a template boots: it is told what.
    pub(super) fn boots(&mut self, id: UnitId, pid: u32, control: Control, environment: BTreeMap<String, String>) {
        let Some(like) = self.manager.unit(id).cloned() else { return };
        let Some(Template { argv, warm, hook, hook_required, declared, .. }) = like.template.as_deref() else { return };
        let hook = Some(hook.as_path()).filter(|hook| *hook_required || hook.exists());
        let declared: &[String] = if hook.is_some() { declared } else { &[] };
        let boot = Boot { argv, warm, hook, hook_required: *hook_required, declared };
        let sent = boot.encode().map_err(|error| error.to_string());
        let sent = sent.and_then(|message| control.ours.send(&message, &[]).map_err(|error| error.to_string()));
        let (declared, release) = (declared.to_vec(), Release::of(&like));
        let live = Live { id, pid, wire: control.ours, like, environment, declared, release, ready: None };
        let key = self.preload.live.insert(live);
        match sent {
            Ok(()) => self.watch(Source::Template(data(key))),
            Err(why) => self.drop_template(key, &why),
        }
    }

    /// A template says something, or has ended.
    pub(super) fn template_says(&mut self, key: LiveKey) {
        loop {
            let Preload { live, room, .. } = &mut self.preload;
            let Some(Live { wire, ready, .. }) = live.get_mut(key) else { return };
            let why = match wire.hear(room) {
                Ok(Heard::Nothing) => return,
                Ok(Heard::End) => return drop(self.preload.forget(key)),
                Ok(Heard::Broken) => "a message that is too long".to_owned(),
                Err(error) => error.to_string(),
                Ok(Heard::Message(message, _)) => match preload::decode_template(message) {
                    Ok(told) if told.databases_open > 0 => {
                        format!("{} databases are open, which each tenant would inherit", told.databases_open)
                    }
                    Ok(told) => {
                        *ready = Some(told);
                        self.template_ready(key);
                        continue;
                    }
                    Err(malformed) => malformed.to_string(),
                },
            };
            return self.drop_template(key, &why);
        }
    }

    /// It has booted: it forks from now on. Another one of before ends when nobody can tell it anything any more.
    fn template_ready(&mut self, key: LiveKey) {
        let Some(Live { id, ready: Some(ready), .. }) = self.preload.live.get(key) else { return };
        let (id, Ready { engine, seconds, warmed, notes, .. }) = (*id, ready);
        let Some(Unit { name, .. }) = self.manager.unit(id) else { return };
        let warmed: Vec<_> = warmed.iter().map(|(path, status)| format!(", {path} {status}")).collect();
        let warmed = warmed.concat();
        self.journal.say(Some(name), format_args!("booted {engine} in {seconds:.1}s{warmed}"));
        for note in notes {
            self.journal.say(Some(name), format_args!("{note}"));
        }
        let old = self.preload.current.insert(id, key);
        if let Some(old) = old.filter(|old| *old != key) {
            self.preload.live.remove(old);
        }
        self.manager.dispatch(self.now, Event::Notified(id, Notice::Ready));
    }

    /// It is of no use: it is killed, and its unit restarts it.
    fn drop_template(&mut self, key: LiveKey, why: &str) {
        let Some(Live { id, pid, .. }) = self.preload.forget(key) else { return };
        let name = self.manager.unit(id).map(|unit| &unit.name);
        self.journal.say(name, format_args!("refused: {why}"));
        self.signal(id, Whom::Process(pid), Signal::KILL);
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
