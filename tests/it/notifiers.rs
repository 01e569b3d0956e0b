//! The notify protocol as others speak it: systemd-notify, redis-server, Sidekiq and Puma, each by itself.

use std::fs;

use crate::harness::{Init, eventually};

/// A unit that is up when it says READY=1, and never else.
fn notify_unit(command: &str, service: &str) -> String {
    format!("[service]\ntype = \"notify\"\ntimeout_start = \"infinity\"\nexec_start = {command}\n{service}")
}

/// A shell whose child speaks for it, and fails if its barrier is not acknowledged.
#[track_caller]
fn hears_systemd_notify(service: &str) {
    let script = r#"["sh", "-c", "systemd-notify --ready --status='all is well' && exec sleep 1000"]"#;
    let init = Init::new().unit("speaker.toml", &notify_unit(script, service)).start();
    init.verb(&["start", "speaker"]).expect(0);
    let status = init.status("speaker");
    assert_eq!((&status["active"], &status["status"]), (&"active".into(), &"all is well".into()), "{status}");
    let main = status["pid"].as_u64().and_then(|pid| init.outer(pid as u32)).expect("its main process");
    eventually("the barrier is acknowledged", || {
        fs::read(format!("/proc/{main}/cmdline")).is_ok_and(|line| line == b"sleep\x001000\0")
    });
    assert!(init.log().with(&["speaker[", "Failed"]).is_empty(), "{}", init.log().tail(20));
}

#[test]
fn systemd_notify_is_heard_and_its_barrier_acknowledged() {
    hears_systemd_notify("");
}

#[test]
fn redis_and_sidekiq_and_puma_say_that_they_are_ready() {
    let redis = r#"["redis-server", "--port", "0", "--unixsocket", "@DIR@/redis.sock", "--supervised", "systemd",
        "--daemonize", "no", "--save", ""]"#;
    let sidekiq = r#"["sidekiq", "-r", "@DIR@/jobs.rb", "-c", "1"]"#;
    let puma = r#"["puma", "-b", "unix://@DIR@/puma.sock", "@DIR@/config.ru"]"#;
    let here = "working_directory = \"@DIR@\"\n";
    let url = format!("{here}environment = {{ REDIS_URL = \"unix://@DIR@/redis.sock\" }}\n");
    let setup = Init::new()
        .unit("redis.toml", &notify_unit(redis, here))
        .unit("sidekiq.toml", &notify_unit(sidekiq, &url))
        .unit("puma.toml", &notify_unit(puma, here));
    fs::write(setup.path().join("jobs.rb"), "").expect("jobs.rb");
    fs::write(setup.path().join("config.ru"), "run ->(_) { [200, {}, []] }\n").expect("config.ru");
    let init = setup.start();
    for unit in ["redis", "sidekiq", "puma"] {
        init.verb(&["start", unit]).expect(0);
        assert_eq!(init.status(unit)["active"], "active", "{unit}");
    }
    assert_eq!(init.status("redis")["status"], "Ready to accept connections");
    for unit in ["puma", "sidekiq", "redis"] {
        init.verb(&["stop", unit]).expect(0);
        assert_eq!(init.status(unit)["result"], "success", "{unit}");
    }
}
