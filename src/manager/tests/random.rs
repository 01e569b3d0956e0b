//! Random units, and random things that happen to them.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;

use super::{high, plain, tenant};
use crate::manager::{Exit, JobKind, Notice};
use crate::unit::{Engine, KillMode, Restart, ServiceType, Target, Unit};

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Pass(u64),
    Ask(Index, JobKind),
    Want(Index),
    Unwant(Index),
    Idle(Index),
    Idlest(Index),
    Drain(Index),
    Execute(Index),
    Reach(Index),
    Ready(Index),
    Stopping(Index),
    Say(Index, Notice),
    /// A process becomes the main one that was not.
    MainPid(Index),
    /// A process leaves another one behind.
    Fork(Index),
    /// Such a one ends.
    Leave(Index),
    Exit(Index, Exit),
    /// What a template was asked for says hello.
    Hello(Index),
    /// It does not come, or is of no use.
    Unfork(Index, bool),
    /// A pid that is nobody's.
    Stray(u32),
    Signal,
    /// A reload: these are the units from now on.
    Replace(Vec<Unit>),
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let index = any::<Index>;
    let kind = prop_oneof![Just(JobKind::Start), Just(JobKind::Stop), Just(JobKind::Restart), Just(JobKind::Reload)];
    let exit = prop_oneof![
        Just(Exit::Code(0)),
        Just(Exit::Code(1)),
        Just(Exit::Code(203)),
        Just(Exit::Signal(libc::SIGTERM, false)),
        Just(Exit::Signal(libc::SIGSEGV, true)),
    ];
    prop_oneof![
        6 => prop_oneof![0..50_u64, 50..5_000_u64, 5_000..100_000_u64].prop_map(Act::Pass),
        4 => (index(), kind).prop_map(|(unit, kind)| Act::Ask(unit, kind)),
        6 => index().prop_map(Act::Want),
        2 => index().prop_map(Act::Unwant),
        3 => index().prop_map(Act::Idle),
        3 => index().prop_map(Act::Idlest),
        3 => index().prop_map(Act::Drain),
        5 => index().prop_map(Act::Execute),
        2 => index().prop_map(Act::Reach),
        5 => index().prop_map(Act::Ready),
        1 => index().prop_map(Act::Stopping),
        2 => (index(), notice()).prop_map(|(unit, notice)| Act::Say(unit, notice)),
        1 => index().prop_map(Act::MainPid),
        2 => index().prop_map(Act::Fork),
        2 => index().prop_map(Act::Leave),
        6 => (index(), exit).prop_map(|(unit, exit)| Act::Exit(unit, exit)),
        4 => index().prop_map(Act::Hello),
        2 => (index(), any::<bool>()).prop_map(|(unit, fault)| Act::Unfork(unit, fault)),
        1 => (1..5_000_u32).prop_map(Act::Stray),
        1 => Just(Act::Signal),
        2 => units().prop_map(Act::Replace),
    ]
}

fn notice() -> impl Strategy<Value = Notice> {
    prop_oneof![
        Just(Notice::Reloading(None)),
        Just(Notice::Watchdog),
        Just(Notice::Trigger),
        Just(Notice::Status("busy".into())),
        (1..100_000_u64).prop_map(|ms| Notice::Extend(Duration::from_millis(ms))),
        (0..20_000_u64).prop_map(|ms| Notice::WatchdogInterval(Duration::from_millis(ms))),
    ]
}

/// Unit number `n` of a graph without circles: it starts after earlier units and before later ones only.
/// What is needed and conflicted with at once is refused by `check`: here a world has the one or the other.
fn unit(n: usize, conflicting: bool) -> impl Strategy<Value = Unit> {
    use Restart::{Always, No, OnAbnormal, OnFailure, OnSuccess, OnWatchdog};
    let restart =
        prop::sample::select(vec![No, No, Always, Always, OnFailure, OnFailure, OnSuccess, OnAbnormal, OnWatchdog]);
    use ServiceType::{Exec, Notify, NotifyReload, Oneshot};
    let kind = prop::sample::select(vec![Exec, Exec, Notify, Notify, Oneshot, Oneshot, NotifyReload]);
    let hooks =
        (any::<u8>(), prop::sample::select(vec![KillMode::Group, KillMode::Group, KillMode::Mixed, KillMode::Process]));
    let edges = prop::collection::vec((0..n.max(1), any::<u8>()), 0..3);
    let targets = [Target::Boot, Target::Ready, Target::Idle, Target::Resume, Target::Shutdown];
    let more = (prop::option::weighted(0.3, prop::sample::select(targets.to_vec())), 0..12_u8);
    (0..8_u8, kind, restart, hooks, any::<bool>(), 1..20_u64, edges, more).prop_map(
        move |(shape, kind, restart, (hooks, kill_mode), remain, stop, edges, (target, essential))| {
            let name = format!("u{n}");
            let mut unit = match shape {
                0..=3 => tenant(&name).kind(kind),
                4 => tenant(&name).port(),
                5 => high(&name).kind(kind),
                _ => plain(&name).kind(kind),
            };
            // As `check` wants it: such a oneshot would never end.
            let endless = kind == Oneshot && matches!(restart, Always | OnSuccess);
            unit = unit.restart(if endless { OnFailure } else { restart }).pre(usize::from(hooks) % 3);
            let commands = |bit: u8| vec![vec!["/bin/true".into()]; usize::from(hooks >> bit & 1)];
            unit.service.exec_start_post = commands(2);
            unit.service.exec_reload = commands(3);
            unit.service.exec_stop = commands(4);
            unit.service.exec_stop_post = commands(5);
            unit.service.watchdog = (hooks >> 6 == 3).then_some(Duration::from_secs(5));
            unit.service.kill_mode = kill_mode;
            unit.service.preload = (shape <= 2 && kind != Oneshot).then_some(Engine::Rails);
            unit.service.remain_after_exit = remain;
            unit.service.timeout_stop = Duration::from_secs(stop);
            unit.service.essential = essential == 0;
            unit.wanted_by.extend(target);
            if essential == 1 {
                unit = unit.before(&format!("u{}", n + 1));
            }
            // A hook that needs a tenant brings on the lull that it is called for.
            let hook = matches!(target, Some(Target::Idle | Target::Resume));
            let needs = !hook && !conflicting;
            for (other, bits) in edges.into_iter().filter(|(other, _)| *other < n) {
                let other = format!("u{other}");
                unit = if bits & 1 != 0 { unit.after(&other) } else { unit };
                unit = if needs && bits & 2 != 0 { unit.requires(&other) } else { unit };
                unit = if needs && bits & 4 != 0 { unit.wants(&other) } else { unit };
                unit = if needs && bits & 24 == 8 { unit.binds_to(&other) } else { unit };
                unit = if needs && bits & 24 == 16 { unit.part_of(&other) } else { unit };
                unit = if conflicting && bits & 96 == 32 { unit.conflicts(&other) } else { unit };
            }
            unit
        },
    )
}

pub(super) fn units() -> impl Strategy<Value = Vec<Unit>> {
    (1..8_usize, any::<bool>())
        .prop_flat_map(|(count, conflicting)| (0..count).map(|n| unit(n, conflicting)).collect::<Vec<_>>())
        .prop_map(|mut units| {
            let wanting = units.iter().filter(|unit| unit.service.preload.is_some());
            let templates: Vec<_> = wanting.map(|unit| super::preload::template_of(unit, Restart::Always)).collect();
            units.extend(templates);
            units
        })
}
