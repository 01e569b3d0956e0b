//! The control socket and its verbs, with systemctl's words and exit codes.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::harness::{Init, verb};
use crate::setup::free_address;
use crate::web::web;

fn socket(init: &Init) -> UnixStream {
    let stream = UnixStream::connect(init.file("run/control.sock")).expect("the control socket");
    stream.set_read_timeout(Some(Duration::from_secs(40))).expect("a timeout");
    stream
}

#[test]
fn start_stop_and_restart_do_as_they_say() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.verb(&["status", "web@boston"]).expect(3);
    init.verb(&["start", "web@boston"]).expect(0);
    let first = init.status("web@boston");
    assert_eq!((&first["active"], &first["sub"]), (&"active".into(), &"running".into()));
    init.verb(&["status", "web@boston"]).expect(0);
    init.verb(&["restart", "web@boston"]).expect(0);
    let second = init.status("web@boston");
    assert_ne!(first["pid"], second["pid"]);
    init.verb(&["stop", "web@boston"]).expect(0);
    let third = init.status("web@boston");
    assert_eq!((&third["active"], &third["result"]), (&"inactive".into(), &"success".into()));
    assert!(third["pid"].is_null());
}

#[test]
fn a_stopped_tenant_is_started_by_its_next_request() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    init.verb(&["stop", "web@boston"]).expect(0);
    init.get("/boston").expect(200);
}

#[test]
fn exit_codes_are_those_of_systemctl() {
    let init = Init::new()
        .web(&web(&["boston"]))
        .unit("broken.toml", "[service]\ntype = \"oneshot\"\nexec_start = [\"false\"]\n")
        .start();
    init.verb(&["status", "nowhere"]).expect(4);
    for verb in ["start", "stop", "restart"] {
        let ran = init.verb(&[verb, "nowhere"]);
        assert!(matches!(ran.code, 4 | 5), "{ran:?}");
        assert!(ran.stderr.contains("nowhere"), "{ran:?}");
    }
    let ran = init.verb(&["start", "broken"]).expect(1);
    assert!(ran.stderr.contains("broken"), "{ran:?}");
    init.verb(&["status", "broken"]).expect(3);
    assert_eq!(init.status("broken")["active"], "failed");
}

#[test]
fn the_list_names_every_unit() {
    let init = Init::new()
        .web(&web(&["boston", "nyc"]))
        .unit("job.toml", "[unit]\ndescription = \"A job\"\n[service]\nexec_start = [\"true\"]\n")
        .start();
    let list = init.list();
    let names: Vec<_> = list.iter().map(|unit| unit["name"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(names, ["job", "web@boston", "web@nyc"]);
    assert_eq!(list[0]["description"], "A job");
    for key in ["name", "description", "priority", "active", "sub", "result", "pid", "status", "starts", "failures"] {
        assert!(list[1].get(key).is_some(), "{key} in {}", list[1]);
    }
    let text = init.verb(&["list"]).expect(0).stdout;
    assert!(text.contains("web@boston") && text.contains("inactive"), "{text}");
}

#[test]
fn status_shows_the_last_lines_of_the_unit() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    init.wait_log(&["web@boston[", "stdout: booting as"]);
    let tail = init.status("web@boston")["tail"].to_string();
    assert!(tail.contains("booting as"), "{tail}");
    let text = init.verb(&["status", "web@boston"]).expect(0).stdout;
    assert!(text.contains("active (running)") && text.contains("booting as"), "{text}");
}

#[test]
fn the_socket_is_the_owners_alone() {
    let init = Init::new().start();
    let mode = fs::metadata(init.file("run/control.sock")).expect("the control socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn garbage_on_the_socket_harms_nobody() {
    let init = Init::new().web(&web(&["boston"])).start();
    let junk: [&[u8]; 6] = [b"\0\0\0\0", b"{", b"{}\n", b"\n\n\n", b"{\"verb\":\"explode\"}\n", b"\xff\xfe\xfd\n"];
    for bytes in junk {
        let mut stream = socket(&init);
        // The answer, if any, is an error; a closed socket is one too.
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        init.verb(&["list"]).expect(0);
    }
}

#[test]
fn an_endless_message_is_cut_off_in_bounded_memory() {
    let init = Init::new().web(&web(&["boston"])).start();
    let before = crate::procfs::resident(init.pid());
    let mut stream = socket(&init);
    stream.set_write_timeout(Some(Duration::from_secs(40))).expect("a timeout");
    let ended = (0..64).any(|_| stream.write_all(&[b'a'; 1024 * 1024]).is_err());
    assert!(ended, "64 MiB of nothing were swallowed");
    assert!(crate::procfs::resident(init.pid()) < before + 4 * 1024 * 1024);
    init.verb(&["list"]).expect(0);
}

#[test]
fn silent_clients_do_not_keep_others_out() {
    let init = Init::new().web(&web(&["boston"])).start();
    let _silent: Vec<_> = (0..20).map(|_| socket(&init)).collect();
    init.verb(&["list"]).expect(0);
    init.get("/boston").expect(200);
}

#[test]
fn without_a_running_tenantd_the_verbs_say_so() {
    let setup = Init::new().web(&web(&["boston"]));
    setup.write(free_address());
    let ran = verb(setup.path(), &["list"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("control.sock"), "{ran:?}");
}

#[test]
fn a_restart_under_a_request_waits_for_it() {
    let init = Init::new().web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| init.get("/boston/slow?ms=300"));
        crate::harness::eventually("it is in flight", || init.status("web@boston")["requests"]["in_flight"] == 1);
        init.verb(&["restart", "web@boston"]).expect(0);
        slow.join().expect("a client").expect(200);
    });
}
