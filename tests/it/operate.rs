//! The operator's verbs: what they print and their exit codes, as an operator of systemctl expects them.

use std::fs;
use std::process::Command;

use crate::harness::{Init, TENANTD, eventually, verb};
use crate::setup::free_address;
use crate::web::web;

const BROKEN: &str = "[service]\ntype = \"oneshot\"\nexec_start = [\"false\"]\n";
const SLEEPER: &str = "[service]\nexec_start = [\"sleep\", \"1000\"]\nenvironment = { TOKEN = \"secret\" }\n";

#[test]
fn show_tells_every_property_by_systemds_name() {
    let init = Init::new().unit("sleeper.toml", SLEEPER).web(&web(&["boston"])).start();
    init.verb(&["start", "sleeper"]).expect(0);
    let text = init.verb(&["show", "sleeper"]).expect(0).stdout;
    for line in
        ["Id=sleeper", "ActiveState=active", "SubState=running", "ExecStart=sleep 1000", "EnvironmentNames=TOKEN"]
    {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(!text.contains("secret") && text.contains("units/sleeper.toml\n"), "{text}");
    let two = init.verb(&["show", "-p", "SubState,Id", "--value", "sleeper"]).expect(0);
    assert_eq!(two.stdout, "running\nsleeper\n");
    let json = init.verb(&["show", "web@boston", "--json"]).expect(0).json();
    assert_eq!((&json["Route"], &json["ActiveState"]), (&"/boston".into(), &"inactive".into()));
    assert_eq!(init.verb(&["show", "-p", "NNames"]).expect(0).stdout, "NNames=2\n");
    init.verb(&["show", "nowhere"]).expect(4);
}

#[test]
fn cat_needs_no_daemon() {
    let setup = Init::new().unit("sleeper.toml", SLEEPER).drop_in("sleeper.toml", "[unit]\ndescription = \"x\"\n");
    setup.write(free_address());
    let text = verb(setup.path(), &["cat", "sleeper"]).expect(0).stdout;
    let (file, dropin) = (text.find("units/sleeper.toml\n"), text.find("units/sleeper.toml.d/test.toml\n"));
    assert!(text.starts_with("# ") && file.is_some() && file < dropin, "{text}");
    let missing = verb(setup.path(), &["cat", "/etc/hostname"]).expect(4);
    assert!(missing.stderr.contains("tenantd -- cat /etc/hostname"), "{missing:?}");
}

#[test]
fn kill_signals_whom_it_names() {
    let trap = "[service]\nexec_start = [\"sh\", \"-c\", \"trap \\\"echo heard\\\" USR1; echo up; while :; do sleep 0.01; done\"]\n";
    let init = Init::new().unit("trap.toml", trap).unit("sleeper.toml", SLEEPER).start();
    init.verb(&["start", "trap", "sleeper"]).expect(0);
    init.wait_log(&["trap[", "stdout: up"]);
    init.verb(&["kill", "-s", "USR1", "--kill-whom", "main", "trap"]).expect(0);
    init.wait_log(&["trap[", "stdout: heard"]);
    let ran = init.verb(&["kill", "--kill-whom=control", "trap"]).expect(1);
    assert!(ran.stderr.contains("no such process"), "{ran:?}");
    init.verb(&["kill", "-s", "KILL", "sleeper"]).expect(0);
    eventually("it has failed", || init.verb(&["is-failed", "sleeper"]).code == 0);
    assert_eq!(init.verb(&["show", "-p", "Result,ExecMainStatus", "--value", "sleeper"]).stdout, "signal\n9\n");
    init.verb(&["kill", "sleeper"]).expect(1);
    init.verb(&["kill", "nowhere"]).expect(4);
    init.verb(&["kill", "-s", "NONSENSE", "trap"]).expect(64);
}

#[test]
fn reset_failed_makes_a_failed_unit_inactive() {
    let init = Init::new().unit("broken.toml", BROKEN).unit("other.toml", BROKEN).start();
    let ran = init.verb(&["start", "broken", "other"]).expect(1);
    assert!(ran.stderr.contains("see: tenantd status other; tenantd logs -n 20 other"), "{ran:?}");
    assert_eq!(init.verb(&["list", "--failed", "--json"]).json().as_array().map(Vec::len), Some(2));
    init.verb(&["is-failed", "broken"]).expect(0);
    init.verb(&["reset-failed", "broken"]).expect(0);
    assert_eq!(init.verb(&["is-failed", "broken"]).expect(1).stdout, "inactive\n");
    assert_eq!(init.verb(&["list", "--state=failed", "--json"]).json()[0]["name"], "other");
    init.verb(&["reset-failed"]).expect(0);
    assert_eq!(init.verb(&["list", "--failed", "--json"]).json().as_array().map(Vec::len), Some(0));
    init.verb(&["reset-failed", "nowhere"]).expect(4);
}

#[test]
fn several_units_and_globs() {
    let init = Init::new().web(&web(&["boston", "nyc"])).unit("sleeper.toml", SLEEPER).start();
    init.verb(&["start", "web@*"]).expect(0);
    assert_eq!(init.verb(&["is-active", "web@*", "sleeper"]).expect(0).stdout, "active\nactive\ninactive\n");
    init.verb(&["is-active", "sleeper"]).expect(3);
    init.verb(&["is-active", "nowhere"]).expect(4);
    init.verb(&["start", "nothing@*"]).expect(4);
    let done = init.verb(&["stop", "web@*", "--json"]).expect(0).json();
    assert_eq!((&done[1]["unit"], &done[1]["result"]), (&"web@nyc".into(), &"done".into()));
    let queued = init.verb(&["start", "--no-block", "sleeper", "--json"]).expect(0).json();
    assert_eq!(queued[0]["result"], "queued");
    init.wait_active("sleeper", "active");
    init.verb(&["start", "--no-block", "nowhere"]).expect(4);
    let tree = init.verb(&["list", "--tree"]).expect(0).stdout;
    assert!(tree.contains("requests\n") && tree.contains("web@nyc"), "{tree}");
}

#[test]
fn options_belong_to_their_verbs() {
    let setup = Init::new();
    setup.write(free_address());
    for words in [&["list", "--signal", "9"][..], &["status", "--tree"], &["stop", "a", "--value"], &["kill"], &["cat"]]
    {
        verb(setup.path(), words).expect(64);
    }
}

#[test]
fn without_a_daemon_the_verbs_say_so() {
    let setup = Init::new().unit("sleeper.toml", SLEEPER);
    setup.write(free_address());
    for word in ["show", "start", "kill", "is-failed", "reset-failed"] {
        let ran = verb(setup.path(), &[word, "sleeper"]).expect(1);
        assert!(ran.stderr.contains("tenantd is not running: no socket at "), "{ran:?}");
    }
}

#[test]
fn the_doctor_tells_what_there_is() {
    let setup = Init::new().web(&web(&["boston"]));
    setup.write(free_address());
    let json = verb(setup.path(), &["doctor", "--json"]).json();
    assert_eq!(json["running"], false);
    let names: Vec<_> =
        json["findings"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
    for name in ["pid 1", "cgroup v2", "CAP_KILL", "open files", "landlock"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let text = verb(setup.path(), &["doctor"]).stdout;
    assert!(text.contains("runtime directory"), "{text}");
}

/// Another user may connect where the mode lets it, and reads; root alone stops.
#[test]
fn others_may_read_and_no_more() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let init = Init::new().config("[control]\nmode = \"0666\"").unit("sleeper.toml", SLEEPER).start();
    for directory in [init.path().to_owned(), init.file("run"), init.file("units")] {
        fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
    }
    let program = init.file("tenantd");
    fs::copy(TENANTD, &program).expect("a copy that others reach");
    let as_nobody = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        command.arg(&program).arg("--config").arg(init.path()).args(words).output().expect("setpriv")
    };
    for words in [&["list"][..], &["show", "sleeper"], &["status"]] {
        let output = as_nobody(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    }
    for words in [&["start", "sleeper"][..], &["kill", "sleeper"], &["reset-failed"], &["stop", "sleeper"]] {
        let output = as_nobody(words);
        assert_eq!(output.status.code(), Some(77), "{words:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("permission denied: only root"), "{output:?}");
    }
    assert_eq!(init.status("sleeper")["active"], "inactive");
    assert_eq!(init.stop().code(), Some(0));
}
