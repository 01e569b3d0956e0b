//! A file on its way to a client: from the page cache into the socket, a window at a time, never through our memory.

use std::io::IoSliceMut;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::wire::{Wire, Write};

/// Most bytes of one client in one turn, and what is known to be in the page cache before they are sent.
pub(super) const WINDOW: u64 = 512 * 1024;

/// What is left of a file to be sent.
#[derive(Debug)]
pub(super) struct Sending {
    file: Arc<OwnedFd>,
    left: Range<u64>,
    /// Up to here it is in the page cache.
    warm: u64,
}

/// What to do for a file on its way.
#[derive(Debug)]
pub(super) enum Next {
    /// So many bytes went.
    Sent(u64),
    /// The client takes no more now.
    Full,
    /// These bytes have to be read from the disk.
    Cold(Arc<OwnedFd>, Range<u64>),
    /// All was sent.
    Complete,
    /// The file has become shorter, or cannot be read; or the client is gone.
    Broken,
}

impl Sending {
    /// These bytes of a file.
    pub fn new(file: OwnedFd, left: Range<u64>) -> Self {
        Self { file: Arc::new(file), warm: left.start, left }
    }

    /// The bytes before the next window were read from the disk, or cannot be.
    pub fn warmed(&mut self) {
        self.warm = self.window().end;
    }

    /// Sends what is in the page cache and finds room, at most one window.
    pub fn go_on(&mut self, wire: &mut Wire) -> Next {
        if self.left.is_empty() {
            return Next::Complete;
        }
        if !wire.is_writable() {
            return Next::Full;
        }
        if self.warm <= self.left.start {
            let window = self.window();
            if is_cold(self.file.as_fd(), &window) {
                return Next::Cold(self.file.clone(), window);
            }
            self.warm = window.end;
        }
        match wire.send_file(self.file.as_fd(), self.left.start, self.warm - self.left.start) {
            Write::Some(0) | Write::Broken => Next::Broken,
            Write::Some(count) => {
                self.left.start += count as u64;
                Next::Sent(count as u64)
            }
            Write::Blocked => Next::Full,
        }
    }

    /// All that was known to be in the page cache has been sent: others have their turn now.
    pub fn is_between_windows(&self) -> bool {
        self.warm <= self.left.start
    }

    fn window(&self) -> Range<u64> {
        self.left.start..self.left.end.min(self.left.start + WINDOW)
    }
}

/// Would reading these bytes wait for the disk? Their ends are looked at: the kernel reads ahead what is between.
fn is_cold(file: BorrowedFd<'_>, bytes: &Range<u64>) -> bool {
    [bytes.start, bytes.end - 1].iter().any(|&at| {
        let probed = preadv2(file, &mut [IoSliceMut::new(&mut [0])], at, ReadWriteFlags::NOWAIT);
        probed == Err(Errno::AGAIN)
    })
}

/// Appends these bytes of a file. False, and nothing is appended, if the disk would have to be read or they are not there.
pub(super) fn read_small(file: BorrowedFd<'_>, bytes: Range<u64>, out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let Ok(count) = usize::try_from(bytes.end - bytes.start) else { return false };
    out.resize(before + count, 0);
    let (mut at, mut flags) = (0, ReadWriteFlags::NOWAIT);
    while at < count {
        let into = &mut out[before + at..];
        match preadv2(file, &mut [IoSliceMut::new(into)], bytes.start + at as u64, flags) {
            Ok(more) if more > 0 => at += more,
            // Of a file system that knows no NOWAIT (in memory, or layered): reading is all that can be done.
            Err(Errno::OPNOTSUPP) if !flags.is_empty() => flags = ReadWriteFlags::empty(),
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => {
                out.truncate(before);
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    fn pair(contents: &[u8]) -> (std::fs::File, Wire, UnixStream) {
        use std::io::Write as _;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(contents).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (file, Wire::new(ours.into()), theirs)
    }

    /// Until the client takes no more; how many bytes went.
    fn send(sending: &mut Sending, wire: &mut Wire) -> (u64, Next) {
        let mut sent = 0;
        loop {
            match sending.go_on(wire) {
                Next::Sent(count) => sent += count,
                Next::Cold(..) => sending.warmed(),
                end => return (sent, end),
            }
        }
    }

    #[test]
    fn a_range_is_sent_as_the_client_takes_it() {
        let contents: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
        let (file, mut wire, mut theirs) = pair(&contents);
        let mut sending = Sending::new(file.into(), 1..2_999_999);
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).unwrap();
            all
        });
        let mut sent = 0;
        loop {
            let (more, end) = send(&mut sending, &mut wire);
            sent += more;
            match end {
                Next::Full => {
                    rustix::event::poll(
                        &mut [rustix::event::PollFd::from_borrowed_fd(wire.fd(), rustix::event::PollFlags::OUT)],
                        None,
                    )
                    .unwrap();
                    wire.note(crate::poller::Readiness { writable: true, ..Default::default() });
                }
                Next::Complete => break,
                other => panic!("{other:?}"),
            }
        }
        drop(wire);
        assert_eq!(sent, 2_999_998);
        assert!(reader.join().unwrap() == contents[1..2_999_999]);
    }

    #[test]
    fn a_file_that_shrinks_is_an_end() {
        let (file, mut wire, _theirs) = pair(&[b'x'; 1000]);
        let mut sending = Sending::new(file.try_clone().unwrap().into(), 0..2000);
        let (sent, end) = send(&mut sending, &mut wire);
        assert!(sent == 1000 && matches!(end, Next::Broken), "{sent} {end:?}");
        let mut out = b"head".to_vec();
        assert!(!read_small(file.as_fd(), 0..1001, &mut out) && out == b"head");
        assert!(read_small(file.as_fd(), 998..1000, &mut out) && out == b"headxx");
    }
}
