//! `tenantd run -- CMD`: a command beside the units, whose end is the end of all.

use std::process::Command;

use crate::harness::{Init, Ran, TENANTD, ran};

/// Runs a command beside a unit, in a namespace of its own or not, to its end.
fn beside(ordinary: bool, command: &[&str]) -> (Ran, bool) {
    let unit = "[unit]\nwanted_by = [\"boot\"]\n[service]\nexec_start = [\"sh\", \"-c\", \"trap 'echo stopped > @DIR@/stopped; exit' TERM; \
        echo up > @DIR@/up; while :; do sleep 1 & wait $!; done\"]\n";
    let setup = Init::new().unit("helper.toml", unit);
    setup.write("127.0.0.1:0".parse().expect("an address"));
    let directory = setup.path().to_str().expect("UTF-8");
    let mut shell = Command::new(if ordinary { "env" } else { "unshare" });
    if !ordinary {
        shell.args(["-Urpf", "--mount-proc", "--kill-child=KILL", "--"]);
    }
    shell.arg(TENANTD).args(["--config", directory, "run", "--"]).args(command);
    shell.env("DIRECTORY", directory).env("SECRET", "s3cret");
    let ran = ran(&mut shell);
    (ran, setup.path().join("stopped").exists())
}

#[test]
fn the_commands_end_is_the_containers_end() {
    // It waits for the unit beside it, has the whole environment, and ends with its own code.
    let script = "while [ ! -e $DIRECTORY/up ]; do sleep 0.01; done; echo got $SECRET; exit 7";
    for ordinary in [false, true] {
        let (ran, stopped) = beside(ordinary, &["sh", "-c", script]);
        assert_eq!(ran.code, 7, "{ran:?}");
        assert!(ran.stdout.contains("main[") && ran.stdout.contains("stdout: got s3cret"), "{ran:?}");
        assert!(stopped, "the unit beside it was not stopped in order: {ran:?}");
        let (ran, _) = beside(ordinary, &["sh", "-c", "kill -KILL $$"]);
        assert_eq!(ran.code, 137, "{ran:?}");
    }
}

#[test]
fn t96_a_command_that_cannot_be_run_ends_at_once() {
    for (command, code, why) in [
        (&["/nonexistent"][..], 127, "cannot run /nonexistent: no such file"),
        (&["nonexistent-program"], 127, "cannot run nonexistent-program"),
        (&["/etc/passwd"], 126, "chmod +x"),
        (&["/tmp"], 126, "it is a directory"),
        (&[], 64, "which command?"),
    ] {
        let (ran, _) = beside(true, command);
        assert_eq!(ran.code, code, "{command:?} {ran:?}");
        assert!(ran.stderr.contains(why), "{command:?} {ran:?}");
    }
}
