//! sd_notify(3) over a real socket: who spoke, and what never comes in.

use std::fs;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_getfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tenantd::process::{Message, Notification, Receiver, ancestor_session, kill_group, spawn};
use tenantd::unit::Signal;

use crate::given::{Given, all_of, is_other_half, status, wait_readable};
use crate::harness::{Init, eventually};
use crate::procfs;
use crate::web::web;

fn ready() -> Message {
    Message { ready: true, ..Message::default() }
}

/// A socket that is connected to the receiver's.
fn sender(path: &Path) -> UnixDatagram {
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(path).unwrap();
    sender
}

/// Sends `bytes` with copies of a descriptor.
fn send_with(sender: &UnixDatagram, bytes: &[u8], fd: impl AsFd, copies: usize) -> rustix::io::Result<usize> {
    let fds = vec![fd.as_fd(); copies];
    let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(&fds).size()];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(sender, &[IoSlice::new(bytes)], &mut control, SendFlags::empty())
}

#[test]
fn notifications_come_with_their_sender() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    drop(UnixDatagram::bind(&path).unwrap());
    let mut receiver = Receiver::bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
    assert!(receiver.next().is_none());
    let sender = sender(&path);
    let own = std::process::id();
    let status = Some("x".repeat(4096 - "READY=1\nSTATUS=".len()));
    let longest = format!("READY=1\nSTATUS={}", status.as_deref().unwrap_or_default());

    let table: [(&[u8], _); 6] = [
        (b"READY=1\nSTATUS=up", (own, Message { status: Some("up".into()), ..ready() })),
        (b"READY=1\0x", (own, Message::default())),
        (b"", (own, Message::default())),
        (longest.as_bytes(), (own, Message { status, ..ready() })),
        (&[longest.as_bytes(), b"x"].concat(), (0, Message::default())),
        (b"READY=1", (own, ready())),
    ];
    for (bytes, expected) in table {
        sender.send(bytes).unwrap();
        let heard = receiver.next().unwrap();
        assert!(heard.barrier.is_none() && receiver.next().is_none());
        assert_eq!((heard.sender, heard.message), expected);
    }
}

#[test]
fn descriptors_are_closed_at_once_but_for_a_barriers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let mut receiver = Receiver::bind(&path).unwrap();
    let sender = sender(&path);
    let table: [(&[u8], usize, Message); 8] = [
        (b"READY=1", 1, ready()),
        // As many as Linux passes at once.
        (b"READY=1", 253, ready()),
        (b"FDSTORE=1\nFDNAME=x\nREADY=1", 3, ready()),
        (b"BARRIER=1\nREADY=1", 1, Message::default()),
        (b"BARRIER=1", 0, Message { barrier: true, ..Message::default() }),
        (b"BARRIER=1", 2, Message { barrier: true, ..Message::default() }),
        (b"READY=1\0x", 9, Message::default()),
        (&[b'x'; 4097], 9, Message::default()),
    ];
    for (bytes, copies, expected) in table {
        let (read, write) = rustix::pipe::pipe().unwrap();
        send_with(&sender, bytes, write, copies).unwrap();
        let heard = receiver.next().unwrap();
        assert!(heard.barrier.is_none(), "{}", bytes.escape_ascii());
        assert_eq!(heard.message, expected, "{}", bytes.escape_ascii());
        // We hold no copy of the other end: so it hangs up.
        wait_readable(&read);
        assert_eq!(all_of(read), "");
    }
}

#[test]
fn a_barrier_is_open_until_it_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let mut receiver = Receiver::bind(&path).unwrap();
    let (read, write) = rustix::pipe::pipe().unwrap();
    send_with(&sender(&path), b"BARRIER=1", write, 1).unwrap();
    let heard = receiver.next().unwrap();
    let barrier = heard.barrier.unwrap();
    assert!(fcntl_getfd(&barrier).unwrap().contains(FdFlags::CLOEXEC));
    fcntl_setfl(&read, OFlags::NONBLOCK).unwrap();
    assert_eq!(rustix::io::read(&read, &mut [0; 1]), Err(Errno::AGAIN));
    drop(barrier);
    wait_readable(&read);
    assert_eq!(all_of(read), "");
}

#[test]
fn a_grandchild_is_known_by_its_session() {
    const NAME: &str = "notify::a_grandchild_is_known_by_its_session";
    if is_other_half(NAME) {
        let sender = UnixDatagram::unbound().unwrap();
        sender.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        sender.send_to(b"READY=1", std::env::var("NOTIFY_SOCKET").unwrap()).unwrap();
        let _ = sender.recv(&mut [0]);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let mut receiver = Receiver::bind(&path).unwrap();
    let mut given = Given::again(NAME);
    given.argv.splice(0..0, ["/bin/sh", "-c", "\"$@\"; exit 1", "sh"].map(str::to_owned));
    given.environment.insert("NOTIFY_SOCKET".into(), path.to_str().unwrap().into());
    let child = spawn(&given.plan()).unwrap();
    wait_readable(&receiver);
    let Notification { sender, message, .. } = receiver.next().unwrap();
    assert_eq!(message, ready());
    assert_ne!(sender, child.pid);
    assert_eq!(ancestor_session(sender), Some(child.pid));
    kill_group(child.pid, Signal::KILL).unwrap();
    assert_eq!(status(child.pid).terminating_signal(), Some(libc::SIGKILL));
}

#[test]
fn t26_a_ready_of_a_process_that_exits_at_once_counts() {
    let say = "use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; send(S, q(READY=1), 0, sockaddr_un($ENV{NOTIFY_SOCKET})) or die";
    let names: Vec<String> = (0..20).map(|n| format!("brief@{n}")).collect();
    let instances: String = (0..20).map(|n| format!("[[instance]]\nname = \"{n}\"\n")).collect();
    let unit = format!("[service]\ntype = \"notify\"\nexec_start = [\"perl\", \"-e\", \"{say}\"]\n{instances}");
    let init = Init::new().unit("brief@.toml", &unit).start();
    for name in &names {
        init.verb(&["start", name]).expect(0);
        init.wait_active(name, "inactive");
        assert_eq!(init.status(name)["result"], "success");
        init.wait_log(&[&format!("tenantd: {name}: started in")]);
    }
}

#[test]
fn t30_a_flood_of_a_unit_leaves_no_descriptors_and_the_socket_works() {
    const NAME: &str = "notify::t30_a_flood_of_a_unit_leaves_no_descriptors_and_the_socket_works";
    if is_other_half(NAME) {
        return flood(&sender(Path::new(&std::env::var("NOTIFY_SOCKET").unwrap())));
    }
    let given = Given::again(NAME);
    let unit = format!(
        "[service]\ntype = \"notify\"\ntimeout_start = \"infinity\"\nexec_start = {:?}\n[service.environment]\n{}",
        given.argv,
        given.environment.iter().map(|(name, value)| format!("{name} = {value:?}\n")).collect::<String>()
    );
    let init = Init::new().unit("flood.toml", &unit).web(&web(&["boston"])).start();
    init.get("/boston").expect(200);
    let descriptors = procfs::descriptors(init.pid());
    thread::scope(|scope| {
        let flood = scope.spawn(|| init.verb(&["start", "flood"]).expect(0));
        while !flood.is_finished() {
            init.verb(&["status", "web@boston"]).expect(0);
            init.get("/boston").expect(200);
        }
    });
    assert_eq!(init.status("flood")["status"], "dry");
    init.verb(&["stop", "flood"]).expect(0);
    eventually("descriptors are back", || procfs::descriptors(init.pid()) <= descriptors);
}

/// 100,000 messages, of which some break each rule; then READY, and waits to be killed.
fn flood(sender: &UnixDatagram) {
    let whole = [b'x'; 5000];
    let null = fs::File::open("/dev/null").unwrap();
    for n in 0..100_000 {
        let message: &[u8] = match n % 4 {
            0 => b"STATUS=flood",
            1 => b"\0STOPPING=1",
            2 => &whole[..4097 + n % 800],
            _ => b"BARRIER=1",
        };
        if n % 97 == 0 {
            send_with(sender, message, &null, 253).unwrap();
        } else {
            sender.send(message).unwrap();
        }
    }
    sender.send(b"READY=1\nSTATUS=dry").unwrap();
    sender.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = sender.recv(&mut [0]);
}
