//! sd_notify(3) over a real socket: who spoke, and what never comes in.

use std::fs;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tenantd::process::{Message, Receiver, ancestor_session, kill_group, spawn};
use tenantd::unit::Signal;

use crate::given::{Given, all_of, is_other_half, status, wait_readable};

fn ready() -> Message {
    Message { ready: true, ..Message::default() }
}

#[test]
fn notifications_come_with_their_sender_and_without_descriptors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    drop(UnixDatagram::bind(&path).unwrap());
    let mut receiver = Receiver::bind(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o666);
    assert_eq!(receiver.next(), None);
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(&path).unwrap();
    let own = std::process::id();
    let garbage = (0, Message::default());

    let table: [(&[u8], _); 4] = [
        (b"READY=1\nSTATUS=up", (own, Message { status: Some("up".into()), ..ready() })),
        (b"READY=1\0x", (own, Message::default())),
        (&[b'\n'; 4096], (own, Message::default())),
        (&[b'\n'; 4097], garbage),
    ];
    for (bytes, expected) in table {
        sender.send(bytes).unwrap();
        assert_eq!((receiver.next(), receiver.next()), (Some(expected), None));
    }

    let (read, write) = rustix::pipe::pipe().unwrap();
    let fds = [write.as_fd(); 200];
    let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(&fds).size()];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(&sender, &[IoSlice::new(b"READY=1")], &mut control, SendFlags::empty()).unwrap();
    drop(write);
    assert_eq!(receiver.next(), Some((own, ready())));
    // We hold no copy of the other end: so this ends.
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
    let (sender, message) = receiver.next().unwrap();
    assert_eq!(message, ready());
    assert_ne!(sender, child.pid);
    assert_eq!(ancestor_session(sender), Some(child.pid));
    kill_group(child.pid, Signal::KILL).unwrap();
    assert_eq!(status(child.pid).terminating_signal(), Some(libc::SIGKILL));
}
