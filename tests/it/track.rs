//! Nothing that a unit has started survives it: as PID 1 and not, with cgroups and without. What needs a hierarchy with
//! controllers (memory.max, pids.max) is tested on stand-in files in src/process/track.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::harness::{Init, TENANTD, eventually, signal};
use crate::procfs;
use crate::setup::Setup;
use crate::web::web;

/// A plain child, one in a session of its own, and a daemon as the books have it: forked twice, a session between.
const DAEMONS: &str = r#"
[service]
type = "exec"
restart = "no"
timeout_stop = "200ms"
exec_start = ["/bin/sh", "-c", """
  sleep 100001 &
  setsid sleep 100002 &
  (setsid /bin/sh -c 'setsid sleep 100003 & exit 0' &)
  exec sleep 100000"""]
"#;

/// How many `sleep`s [`DAEMONS`] are in the end.
const SLEEPS: usize = 4;

/// Runs `test` in each of the four worlds: PID 1 or not, cgroups or ancestry.
fn everywhere(test: impl Fn(&dyn Fn() -> Setup)) {
    for ordinary in [false, true] {
        test(&|| Init::new().ordinary(ordinary));
        test(&|| Init::new().ordinary(ordinary).read_only_cgroups());
    }
}

/// How many living processes of tenantd are a `sleep` (or whatever `word` says).
fn count(init: &Init, word: &str) -> usize {
    let name = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    procfs::living(init.pid()).iter().filter(|pid| name(pid).trim() == word).count()
}

#[track_caller]
fn start_daemons(setup: Setup) -> Init {
    let init = setup.unit("daemons.toml", DAEMONS).start();
    init.verb(&["start", "daemons"]).expect(0);
    eventually("all sleep", || count(&init, "sleep") == SLEEPS && procfs::living(init.pid()).len() == SLEEPS);
    init
}

#[test]
fn t74_the_tier_is_chosen_by_what_is_there() {
    for ordinary in [false, true] {
        let init = start_daemons(Init::new().ordinary(ordinary));
        assert!(init.log().with(&["lowered", "process tracking"]).is_empty(), "{}", init.log().tail(9));
        let cgroup = procfs::cgroup(&init.file("run")).expect("a cgroup");
        let procs = std::fs::read_to_string(cgroup.join("daemons.service/cgroup.procs")).expect("the unit's");
        assert_eq!(procs.lines().count(), SLEEPS, "{procs}");
        init.verb(&["stop", "daemons"]).expect(0);
        eventually("the unit's cgroup is gone", || !cgroup.join("daemons.service").exists());
        assert_eq!(init.stop().code(), Some(0));
        assert!(!cgroup.exists());

        let init = start_daemons(Init::new().ordinary(ordinary).read_only_cgroups());
        let line = init.wait_log(&["lowered: process tracking: session and ancestry"]);
        assert!(line.contains("(cgroups are read-only; run with --security-opt writable-cgroups=true)"), "{line}");
        assert_eq!(init.stop().code(), Some(0));
    }
}

#[test]
fn limits_that_cannot_be_had_are_named_once_for_a_template() {
    let unit = "[service]\nexec_start = [\"true\"]\n[sandbox]\nmemory_max = \"64M\"\ntasks_max = 9\n\
        [[instance]]\nname = \"1\"\n[[instance]]\nname = \"2\"\n";
    let init = Init::new().read_only_cgroups().unit("job@.toml", unit).start();
    for limit in ["memory_max", "tasks_max"] {
        init.wait_log(&["lowered: ", limit, " of job is not enforced: it needs a cgroup"]);
    }
    // Notes come before the first request is answered.
    init.verb(&["list"]).expect(0);
    for limit in ["memory_max", "tasks_max"] {
        assert_eq!(init.log().with(&["lowered: ", limit]).len(), 1, "{}", init.log().tail(9));
    }
}

#[test]
fn t06_what_the_main_process_leaves_is_killed() {
    everywhere(|setup| {
        let init = start_daemons(setup());
        assert!(init.kill_unit("daemons"));
        eventually("nobody is left", || procfs::living(init.pid()).is_empty());
        init.wait_active("daemons", "failed");
        eventually("no zombies", || procfs::zombies(init.pid()) == 0);
        assert_eq!(init.stop().code(), Some(0));
    });
}

#[test]
fn t22_a_daemon_is_killed_with_its_unit() {
    everywhere(|setup| {
        let init = start_daemons(setup());
        init.verb(&["stop", "daemons"]).expect(0);
        eventually("nobody is left", || procfs::living(init.pid()).is_empty());
        assert_eq!(init.stop().code(), Some(0));
    });
}

#[test]
fn t22_other_units_and_their_daemons_live() {
    everywhere(|setup| {
        let init = start_daemons(setup().unit("others.toml", DAEMONS));
        init.verb(&["start", "others"]).expect(0);
        eventually("all sleep", || count(&init, "sleep") == 2 * SLEEPS);
        init.verb(&["stop", "daemons"]).expect(0);
        eventually("half of them are gone", || count(&init, "sleep") == SLEEPS);
        assert_eq!(init.status("others")["active"], "active");
        init.verb(&["stop", "others"]).expect(0);
        eventually("nobody is left", || procfs::living(init.pid()).is_empty());
    });
}

#[test]
fn t20_all_that_ignores_sigterm_is_killed() {
    everywhere(|setup| {
        let init = start_daemons(setup().unit(
            "deaf.toml",
            "[service]\nrestart = \"no\"\ntimeout_stop = \"100ms\"\nexec_start = [\"/bin/sh\", \"-c\", \
             \"trap '' TERM; (setsid sh -c 'while :; do sleep 1; done' &); while :; do sleep 1; done\"]\n",
        ));
        init.verb(&["start", "deaf"]).expect(0);
        eventually("both shells run", || count(&init, "sh") >= 2);
        init.verb(&["stop", "deaf"]).expect(0);
        init.wait_log(&["deaf", "SIGKILL"]);
        eventually("the others are left", || procfs::living(init.pid()).len() == SLEEPS);
    });
}

#[test]
fn t21_a_crowd_that_respawns_is_killed() {
    // Deaf, in sessions of their own, and each forks as fast as it can.
    let unit = "[service]\nrestart = \"no\"\ntimeout_stop = \"100ms\"\nexec_start = [\"/bin/sh\", \"-c\", \"\"\"
        trap '' TERM
        crowd() { while :; do setsid sleep 0.1 & done; }
        (setsid /bin/sh -c 'trap \"\" TERM; while :; do setsid sleep 0.1 & done' &)
        (crowd &)
        crowd\"\"\"]\n";
    everywhere(|setup| {
        let init = setup().unit("crowd.toml", unit).web(&web(&["boston"])).start();
        init.verb(&["start", "crowd"]).expect(0);
        eventually("it is a crowd", || count(&init, "sleep") > 20);
        init.get("/boston").expect(200);
        init.verb(&["stop", "crowd"]).expect(0);
        eventually("the tenant is left", || procfs::living(init.pid()).len() == 1);
        init.get("/boston").expect(200);
        assert_eq!(init.stop().code(), Some(0));
    });
}

#[test]
fn t24_a_fork_bomb_is_stopped_and_others_answer_meanwhile() {
    // A user of its own: the limit of processes counts by user. A shell would give up at the first refusal.
    let bomb = "$SIG{TERM} = 'IGNORE'; while (1) { fork // select undef, undef, undef, 0.01 }";
    let unit = format!(
        "[service]\nrestart = \"no\"\ntimeout_stop = \"100ms\"\nexec_start = [\"setpriv\", \"--reuid\", \"@UID@\", \
         \"--clear-groups\", \"prlimit\", \"--nproc=60\", \"perl\", \"-e\", \"{bomb}\"]\n"
    );
    let uid = std::cell::Cell::new(64_100);
    everywhere(|setup| {
        uid.set(uid.get() + 1);
        let unit = unit.replace("@UID@", &uid.get().to_string());
        let init = setup().unit("bomb.toml", &unit).web(&web(&["boston"])).start();
        init.verb(&["start", "bomb"]).expect(0);
        eventually("it explodes", || count(&init, "perl") > 40);
        init.get("/boston").expect(200);
        init.verb(&["stop", "bomb"]).expect(0);
        eventually("the tenant is left", || procfs::living(init.pid()).len() == 1);
        init.get("/boston").expect(200);
        assert_eq!(init.stop().code(), Some(0));
    });
}

#[test]
fn t23_a_unit_that_kills_all_it_can_harms_itself_only() {
    let own = |uid: u32, kill: &str| {
        format!(
            "[service]\nrestart = \"no\"\nexec_start = [\"setpriv\", \"--reuid\", \"{uid}\", \"--clear-groups\", \
             \"/bin/sh\", \"-c\", \"sleep 100000 & setsid sleep 100000 & {kill}; exec sleep 100000\"]\n"
        )
    };
    everywhere(|setup| {
        let init = start_daemons(setup().unit("group.toml", &own(64_201, "kill -9 0")));
        init.verb(&["start", "group"]);
        init.wait_active("group", "failed");
        assert_eq!(init.status("group")["result"], "signal, status=9/KILL");
        eventually("the others are left", || procfs::living(init.pid()).len() == SLEEPS);
        assert_eq!(init.status("daemons")["active"], "active");
    });
    // `kill -9 -1` reaches every process of its user: only where the namespace is its own.
    let init = start_daemons(Init::new().unit("all.toml", &own(64_202, "/bin/kill -9 -1")));
    init.verb(&["start", "all"]);
    eventually("the others are left", || procfs::living(init.pid()).len() == SLEEPS);
    assert_eq!(init.status("daemons")["active"], "active");
    assert_eq!(init.stop().code(), Some(0));
}

#[test]
fn t05_a_stopped_process_is_alive_and_hears_its_end() {
    everywhere(|setup| {
        let unit = "[service]\ntimeout_stop = \"1000s\"\nexec_start = [\"sleep\", \"100000\"]\n";
        let init = setup().unit("stopped.toml", unit).start();
        init.verb(&["start", "stopped"]).expect(0);
        let pid = procfs::living(init.pid())[0];
        assert!(signal(pid, Signal::SIGSTOP));
        eventually("it is stopped", || procfs::state(pid) == Some('T'));
        assert_eq!(init.status("stopped")["sub"], "running");
        init.verb(&["stop", "stopped"]).expect(0);
        assert_eq!(init.status("stopped")["result"], "success");
    });
}

#[test]
fn t07_who_enters_from_outside_is_nobodys_and_reaped() {
    for setup in [Init::new(), Init::new().read_only_cgroups()] {
        let init = start_daemons(setup);
        let script = "setsid sleep 200000 & exec sleep 200001";
        let target = init.pid().to_string();
        let mut entered = Command::new("nsenter");
        let entered = entered.args(["-t", &target, "-p", "-m", "--", "/bin/sh", "-c", script]);
        let mut entered = entered.stdin(Stdio::null()).spawn().expect("nsenter of util-linux");
        eventually("both are there", || below(entered.id()).len() == 2);
        let both = below(entered.id());
        init.verb(&["stop", "daemons"]).expect(0);
        eventually("nobody is left", || procfs::living(init.pid()).is_empty());
        assert!(both.iter().all(|&pid| matches!(procfs::state(pid), Some('S'))), "killed with a unit");
        // The parent's end makes the other a child of PID 1.
        let orphan = both[1];
        assert!(signal(both[0], Signal::SIGKILL));
        entered.wait().expect("nsenter ends");
        eventually("it is ours", || procfs::living(init.pid()) == [orphan]);
        init.verb(&["start", "daemons"]).expect(0);
        eventually("all sleep", || count(&init, "sleep") == SLEEPS + 1);
        init.verb(&["stop", "daemons"]).expect(0);
        eventually("the orphan is left", || procfs::living(init.pid()) == [orphan]);
        assert!(signal(orphan, Signal::SIGKILL));
        eventually("it is reaped", || procfs::children(init.pid()).is_empty());
        assert_eq!(init.stop().code(), Some(0));
    }
}

/// The sleeps below nsenter, which forks to enter: the parent first.
fn below(nsenter: u32) -> Vec<u32> {
    let name = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    procfs::descendants(nsenter).into_iter().filter(|pid| name(pid).trim() == "sleep").collect()
}

#[test]
fn t08_who_exits_at_once_is_seen_once_with_the_right_status() {
    everywhere(|setup| {
        let unit = "[service]\ntype = \"oneshot\"\nexec_start = [\"/bin/sh\", \"-c\", \"exit 7\"]\n";
        let init = setup().unit("brief.toml", unit).start();
        for n in 1..=40 {
            init.verb(&["start", "brief"]).expect(1);
            eventually("its failure is said", || init.log().with(&["brief: failed", "status=7"]).len() >= n);
            assert_eq!(init.log().with(&["brief: failed"]).len(), n);
        }
    });
}

#[test]
fn t93_a_successor_kills_what_a_killed_tenantd_left() {
    let mut init = start_daemons(Init::new().ordinary(true));
    let left = procfs::living(init.pid());
    init.signal(Signal::SIGKILL);
    init.wait();
    let main = |pid: &&u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c.contains("100000"));
    eventually("the main process dies with it", || left.iter().find(main).is_none());
    let alive = |pid: &&u32| !matches!(procfs::state(**pid), None | Some('Z' | 'X'));
    eventually("the others do not hear of it", || left.iter().filter(alive).count() == SLEEPS - 1);
    let mut next = Command::new(TENANTD);
    let mut next = next.arg("--config").arg(init.path()).stdout(Stdio::null()).spawn().expect("tenantd runs");
    eventually("the next one listens", || std::net::TcpStream::connect(init.address()).is_ok());
    // Whoever connects is let in when they are gone.
    assert!(init.raw(b"GET /up HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").contains("200"));
    assert_eq!(left.iter().filter(alive).count(), 0, "alive beside the next ones");
    signal(next.id(), Signal::SIGTERM);
    assert_eq!(next.wait().expect("it ends").code(), Some(0));
}
