//! Time that jumps, time that we miss, and what happened meanwhile.

use std::fs;

use nix::sys::signal::Signal;

use crate::harness::{Init, eventually, signal};
use crate::procfs;
use crate::web::web;

#[test]
fn t02_a_thousand_that_died_while_we_were_stopped_are_all_seen() {
    let script = "i=0; while [ $i -lt 1000 ]; do ( sleep 1000 & ); i=$((i+1)); done; exec sleep 1000";
    let unit = format!("[service]\nexec_start = [\"sh\", \"-c\", \"{script}\"]\n");
    let sleep =
        "[service]\nexec_start = [\"sleep\", \"1000\"]\n[[instance]]\nname = \"a\"\n[[instance]]\nname = \"b\"\n";
    for ordinary in [false, true] {
        let init = Init::new().ordinary(ordinary).unit("crowd.toml", &unit).unit("sleep@.toml", sleep).start();
        for unit in ["crowd", "sleep@a", "sleep@b"] {
            init.verb(&["start", unit]).expect(0);
        }
        eventually("all are orphans", || procfs::children(init.pid()).len() == 1003);
        init.signal(Signal::SIGSTOP);
        eventually("we are stopped", || procfs::state(init.pid()) == Some('T'));
        procfs::children(init.pid()).into_iter().for_each(|pid| assert!(signal(pid, Signal::SIGKILL)));
        eventually("all are dead", || procfs::zombies(init.pid()) == 1003);
        init.signal(Signal::SIGCONT);
        eventually("all are reaped", || procfs::children(init.pid()).is_empty());
        for unit in ["crowd", "sleep@a", "sleep@b"] {
            let status = init.status(unit);
            let result = "signal, status=9/KILL";
            assert_eq!((&status["active"], &status["result"]), (&"failed".into(), &result.into()), "{status}");
        }
        assert_eq!(init.stop().code(), Some(0), "ordinary: {ordinary}");
    }
}

#[test]
fn t50_a_wall_clock_that_jumps_by_a_year_moves_no_deadline() {
    let tenant = web(&["boston"]).service("idle_stop = \"100ms\"");
    let setup = Init::new().web(&tenant);
    let clock = setup.path().join("clock");
    fs::write(&clock, "+0").expect("a clock");
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", clock.display());
    let library = "LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1";
    let words = ["env", library, &file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"];
    let init = setup.wrapper(&words).start();
    let year = || {
        let date = init.get("/up").expect(200).field("date").expect("a date").to_owned();
        date.split(' ').nth(3).and_then(|year| year.parse::<i32>().ok()).expect("a year")
    };
    let today = year();
    for (jump, shift) in [("+366d", 1), ("-366d", -1), ("+0", 0)] {
        init.get("/boston").expect(200);
        fs::write(&clock, jump).expect("a clock");
        let seen = year() - today;
        assert!(seen == shift || seen == 2 * shift, "libfaketime: scripts/packages test: {jump} is {seen} years");
        init.wait_active("web@boston", "inactive");
        init.get("/boston").expect(200);
        init.wait_active("web@boston", "inactive");
    }
    assert_eq!(init.status("web@boston")["result"], "success");
    assert_eq!(init.stop().code(), Some(0));
}

#[test]
fn t51_a_watchdog_is_not_blamed_for_the_time_in_which_we_were_stopped() {
    let pings = r#"
        use Socket;
        socket(S, AF_UNIX, SOCK_DGRAM, 0);
        my $to = sockaddr_un($ENV{NOTIFY_SOCKET});
        send(S, "READY=1", 0, $to);
        while (1) {
            open(F, ">>", $ARGV[0]); print F "x"; close(F);
            send(S, "WATCHDOG=1", 0, $to);
            select(undef, undef, undef, 0.1);
        }
    "#;
    let unit = "[service]\ntype = \"notify\"\nwatchdog = \"400ms\"\nexec_start = [\"perl\", \"@DIR@/ping\", \"@DIR@/pings\"]\n";
    let init = Init::new().unit("watched.toml", unit).web(&web(&["boston"]).service("idle_stop = \"50ms\""));
    fs::write(init.path().join("ping"), pings).expect("a program");
    let init = init.start();
    init.verb(&["start", "watched"]).expect(0);
    init.get("/boston").expect(200);
    let pings = || fs::metadata(init.file("pings")).map_or(0, |about| about.len());
    for _ in 0..2 {
        let before = pings();
        init.signal(Signal::SIGSTOP);
        // Twice the watchdog's time, by the service's own clock; more than these its socket would not take.
        eventually("time goes by", || pings() >= before + 8);
        init.signal(Signal::SIGCONT);
        let after = pings();
        eventually("it goes on", || pings() > after + 4);
    }
    let status = init.status("watched");
    assert_eq!((&status["active"], &status["starts"]), (&"active".into(), &1.into()), "{status}");
    init.get("/boston").expect(200);
    assert_eq!(init.stop().code(), Some(0));
}
