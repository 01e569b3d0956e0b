//! How the process of a unit is set up, seen from inside it; and each failure by its name (systemd.exec(5)).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::harness::{Init, eventually};
use crate::setup::Setup;

/// Gives tenantd a /run and a /var/lib of its own, and whatever else `more` does.
fn apart(more: &str) -> Setup {
    let script = format!("mount -t tmpfs none /run && mount -t tmpfs none /var/lib && {more} \"$0\" \"$@\"");
    Init::new().wrapper(&["sh", "-c", &script])
}

/// A oneshot with these keys.
fn oneshot(keys: &str, script: &str) -> String {
    format!("[service]\ntype = \"oneshot\"\nexec_start = [\"sh\", \"-c\", '''{script}''']\n{keys}\n")
}

/// A user and a group that are not ours, if the tests may become them.
fn user() -> (&'static str, &'static str) {
    if nix::unistd::geteuid().is_root() { ("4242", "4243") } else { ("0", "0") }
}

/// A path as tenantd sees it.
fn inside(init: &Init, path: &str) -> PathBuf {
    format!("/proc/{}/root{path}", init.pid()).into()
}

const LIMITS: &str = "limit_nofile = '100:200'\nlimit_nproc = '5000:6000'\nlimit_core = 0\nlimit_memlock = '16K:32K'\n\
                      limit_stack = '4M:5M'\nlimit_as = '3G:4G'\nlimit_fsize = '1M:2M'\nlimit_cpu = '1m:1h'\n\
                      limit_data = '1G'";

/// What `LIMITS` are in /proc/self/limits, in its order.
const SEEN: &str = "60:3600 1048576:2097152 1073741824:1073741824 4194304:5242880 0:0 5000:6000 100:200 16384:32768 \
                    3221225472:4294967296";

const SEE_LIMITS: &str = "grep -E \"cpu|Max file size|data|stack|core|processes|open|locked|address\" /proc/self/limits | \
                          sed -E \"s/.* ([0-9]+) +([0-9]+) .*/\\1:\\2/\"";

#[test]
fn each_setting_is_seen_from_inside() {
    let (user, group) = user();
    let table = [
        ("plain", String::new(), "umask; nice; cat /proc/self/oom_score_adj", "0022 0 100".to_owned()),
        ("group", format!("group = '{group}'"), "id -g", group.to_owned()),
        (
            "user",
            format!("user = '{user}'\ngroup = '{group}'"),
            "id -u; id -g; id -G",
            format!("{user} {group} {group}"),
        ),
        ("umask", "umask = '0027'".into(), "umask", "0027".into()),
        ("octal", "umask = 0o077".into(), "umask", "0077".into()),
        ("nice", "nice = 7".into(), "nice", "7".into()),
        ("oom", "oom_score_adj = 777".into(), "cat /proc/self/oom_score_adj", "777".into()),
        ("limits", LIMITS.into(), SEE_LIMITS, SEEN.into()),
    ];
    let mut setup = Init::new();
    for (name, keys, script, _) in &table {
        setup = setup.unit(&format!("{name}.toml"), &oneshot(keys, &format!("set -- $({script}); echo \"[$*]\"")));
    }
    let init = setup.start();
    for (name, .., expected) in table {
        init.verb(&["start", name]).expect(0);
        init.wait_log(&[name, &format!("[{expected}]")]);
    }
}

#[test]
fn more_groups_are_added() {
    let script = "echo [$(id -G)]";
    let init = Init::new()
        .unit("more.toml", &oneshot("user = '0'\nsupplementary_groups = ['4300', '0']", script))
        .unit("alone.toml", &oneshot("supplementary_groups = ['4300']", script))
        .start();
    if nix::unistd::geteuid().is_root() {
        for unit in ["more", "alone"] {
            init.verb(&["start", unit]).expect(0);
            init.wait_log(&[unit, " 4300]"]);
        }
    } else {
        // In a user namespace of one user nobody may set groups.
        init.verb(&["start", "more"]).expect(1);
        init.wait_log(&["more", "cannot become user 0, member of 4300, 0"]);
    }
}

#[test]
fn files_of_variables_win_over_environment() {
    let keys = "environment = { A = 'unit', B = 'unit', HOME = '/unit' }\n\
                environment_file = ['@DIR@/one', '-@DIR@/none', '@DIR@/two']";
    let init = Init::new().unit("web.toml", &oneshot(keys, "echo [$A $B $C $HOME]")).start();
    fs::write(init.file("one"), "# first\nB=\"one\"\nC=one\n").expect("a file");
    fs::write(init.file("two"), "C='two \\\n").expect("a file");
    init.verb(&["start", "web"]).expect(1);
    init.wait_log(&["web: environment_file ", "/two:1: the quote ' is not closed"]);
    assert_eq!(init.status("web")["result"], "resources");
    // Read at each start.
    fs::write(init.file("two"), "C='two'\n").expect("a file");
    init.verb(&["start", "web"]).expect(0);
    init.wait_log(&["[unit one two /unit]"]);
    fs::remove_file(init.file("one")).expect("remove");
    init.verb(&["start", "web"]).expect(1);
    init.wait_log(&["web: cannot read environment_file ", "/one: no such file"]);
}

#[test]
fn each_step_that_fails_has_its_name() {
    // Without what lets root raise limits, and lower nice and the OOM score.
    let powerless = "touch /run/file && ln -s /etc /run/link && mount -o remount,ro /var/lib && \
                     exec prlimit --memlock=65536:65536 setpriv --bounding-set=-sys_nice,-sys_resource --";
    let table = [
        ("chdir", "working_directory = '/does/not/exist'", "200/CHDIR", "cannot enter its working_directory"),
        ("nice", "nice = -20", "201/NICE", "cannot set nice = -20"),
        ("exec", "environment = { PATH = '/none' }", "203/EXEC", "cannot execute sh"),
        (
            "limits",
            "limit_core = 0\nlimit_memlock = '1M'",
            "205/LIMITS",
            "cannot set limit_memlock = \"1048576\": Operation not permitted (os error 1); lower it to at most 65536",
        ),
        ("oom", "oom_score_adj = -1000", "206/OOM_ADJUST", "cannot set oom_score_adj = -1000"),
        ("group", "group = 'none'", "216/GROUP", "no group \"none\""),
        ("groups", "supplementary_groups = ['void']", "216/GROUP", "no group \"void\""),
        ("user", "user = 'none'\nstate_directory = ['x']", "217/USER", "no user \"none\""),
        (
            "file",
            "runtime_directory = ['file']",
            "233/RUNTIME_DIRECTORY",
            "runtime_directory /run/file: Not a directory",
        ),
        ("link", "runtime_directory = ['link/x']", "233/RUNTIME_DIRECTORY", "is in the way: remove it"),
        (
            "state",
            "state_directory = ['x']",
            "238/STATE_DIRECTORY",
            "state_directory /var/lib/x: Read-only file system",
        ),
    ];
    let mut setup = apart(powerless);
    for (name, keys, ..) in table {
        setup = setup.unit(&format!("{name}.toml"), &oneshot(keys, "exit 0"));
    }
    let init = setup.start();
    for (name, _, status, why) in table {
        init.verb(&["start", name]).expect(1);
        init.wait_log(&[&format!("{name}: "), why]);
        let said = init.verb(&["status", name]).stdout;
        assert!(said.contains(&format!("status={status}")), "{said}");
    }
}

/// Two units that have one of their runtime directories in common.
fn with_directories() -> Init {
    let (user, group) = user();
    let script = "mkdir -p /run/web/a/b && ln -s /var/lib/web /run/web/a/link && touch /run/web/a/file /var/lib/web/kept && \
                  echo [$RUNTIME_DIRECTORY $STATE_DIRECTORY] && exec sleep 1000";
    let unit = |script: &str, keys: &str| {
        format!("[service]\nexec_start = ['sh', '-c', '{script}']\nuser = '{user}'\ngroup = '{group}'\n{keys}")
    };
    let web = "runtime_directory = ['web', 'deep/er']\nruntime_directory_mode = '0700'\nstate_directory = ['web']\n\
               state_directory_mode = '0750'\n";
    let same = "runtime_directory = ['deep/er']\nruntime_directory_mode = '0700'\n";
    apart("exec").unit("web.toml", &unit(script, web)).unit("same.toml", &unit("exec sleep 1000", same)).start()
}

#[test]
fn directories_of_a_unit_come_and_go() {
    let init = with_directories();
    let exists = |path: &str| inside(&init, path).exists();
    for _ in 0..2 {
        init.verb(&["start", "web"]).expect(0);
        init.wait_log(&["[/run/web:/run/deep/er /var/lib/web]"]);
        for (path, mode) in [("/run/web", 0o700), ("/run/deep/er", 0o700), ("/var/lib/web", 0o750)] {
            let about = fs::metadata(inside(&init, path)).expect(path);
            assert_eq!(about.mode() & 0o7777, mode, "{path}");
            if nix::unistd::geteuid().is_root() {
                assert_eq!((about.uid(), about.gid()), (4242, 4243), "{path}");
            }
        }
        init.verb(&["stop", "web"]).expect(0);
        eventually("they are removed", || !exists("/run/web") && !exists("/run/deep/er"));
        assert!(exists("/var/lib/web/kept") && exists("/run/deep"));
    }
    // What another unit uses stays.
    init.verb(&["start", "web"]).expect(0);
    init.verb(&["start", "same"]).expect(0);
    assert!(init.kill_unit("web"));
    eventually("its own is removed", || !exists("/run/web"));
    assert!(exists("/run/deep/er"));
    init.verb(&["stop", "same"]).expect(0);
    eventually("now nobody does", || !exists("/run/deep/er"));
}
