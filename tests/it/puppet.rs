//! A tenant whose answers the test itself writes, byte by byte: its process hands its listening socket over.

use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::harness::Init;
use crate::setup::Setup;
use crate::web::Web;

/// Longest silence that is not a hang.
const SILENCE: Duration = Duration::from_secs(40);

/// The tenant in the test's hands.
pub struct Puppet {
    hands: UnixDatagram,
    listener: Option<Listener>,
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// One connection of tenantd to the tenant.
pub struct Upstream {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

trait Stream: Read + Write + Send {
    fn finish(&self);
}

impl Stream for UnixStream {
    fn finish(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for TcpStream {
    fn finish(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Setup {
    /// Adds the template, its tenants in the hands of the test, and starts.
    #[track_caller]
    pub fn puppet(self, web: Web) -> (Init, Puppet) {
        let hands = UnixDatagram::bind(self.path().join("hands")).expect("a socket");
        hands.set_read_timeout(Some(SILENCE)).expect("a timeout");
        let init = self.web(&web.set("HAND_TO", "@DIR@/hands")).start();
        (init, Puppet { hands, listener: None })
    }
}

impl Puppet {
    /// The next connection of tenantd; starts with the next process if there is none yet.
    #[track_caller]
    pub fn accept(&mut self) -> Upstream {
        if self.listener.is_none() {
            self.listener = Some(self.next_process());
        }
        self.try_accept(SILENCE).expect("a connection of tenantd")
    }

    /// The next connection, if one comes so soon.
    pub fn try_accept(&mut self, patience: Duration) -> Option<Upstream> {
        let listener = self.listener.as_ref()?;
        let fd = match listener {
            Listener::Unix(listener) => listener.as_fd(),
            Listener::Tcp(listener) => listener.as_fd(),
        };
        let patience = Timespec::try_from(patience).expect("a time");
        if poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&patience)) != Ok(1) {
            return None;
        }
        let stream: Box<dyn Stream> = match listener {
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().expect("accept");
                stream.set_nonblocking(false).expect("blocking");
                stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
                Box::new(stream)
            }
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().expect("accept");
                stream.set_nonblocking(false).expect("blocking");
                stream.set_nodelay(true).expect("nodelay");
                stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
                Box::new(stream)
            }
        };
        Some(Upstream { stream, buffer: Vec::new() })
    }

    /// Stops listening at the port; [`Puppet::open`] listens again.
    pub fn close(&mut self) -> TcpListener {
        let Some(Listener::Tcp(listener)) = self.listener.take() else { panic!("no port") };
        // On Linux a listener that is shut down stops listening for all who hold it, and keeps its port.
        rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).expect("shutdown");
        listener
    }

    /// Listens again.
    pub fn open(&mut self, listener: TcpListener) {
        rustix::net::listen(&listener, 128).expect("listen");
        self.listener = Some(Listener::Tcp(listener));
    }

    /// The listening socket of the process that was started next.
    #[track_caller]
    fn next_process(&self) -> Listener {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        recvmsg(&self.hands, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
            .expect("the tenant's process");
        let fd: OwnedFd = ancillary
            .drain()
            .find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
                _ => None,
            })
            .expect("a descriptor");
        match rustix::net::sockopt::socket_domain(&fd).expect("a socket") {
            rustix::net::AddressFamily::UNIX => Listener::Unix(fd.into()),
            _ => Listener::Tcp(fd.into()),
        }
    }
}

impl Upstream {
    /// A connection that does not come from tenantd.
    pub fn direct(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(SILENCE)).expect("a timeout");
        Self { stream: Box::new(stream), buffer: Vec::new() }
    }

    /// Says that no more will be sent.
    pub fn finish(&self) {
        self.stream.finish();
    }

    /// Reads a head, and gives back its text.
    #[track_caller]
    pub fn head(&mut self) -> String {
        self.until("\r\n\r\n")
    }

    /// Reads a head; what came before the end, if tenantd closes before a whole one.
    pub fn head_or_end(&mut self) -> Result<String, Vec<u8>> {
        while !self.buffer.windows(4).any(|window| window == b"\r\n\r\n") {
            if self.fill() == 0 {
                return Err(std::mem::take(&mut self.buffer));
            }
        }
        Ok(self.head())
    }

    /// Reads up to and with `end`.
    #[track_caller]
    pub fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end.as_bytes()) {
                let text: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8_lossy(&text).into_owned();
            }
            assert!(self.fill() > 0, "closed after {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    /// Reads exactly so many bytes.
    #[track_caller]
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill() > 0, "closed after {} bytes", self.buffer.len());
        }
        self.buffer.drain(..count).collect()
    }

    /// Writes bytes as they are; false if tenantd has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Answers with 200 and this body.
    pub fn ok(&mut self, body: &str) -> bool {
        self.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    /// All until tenantd closes; a reset is an end too.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() > 0 {}
        std::mem::take(&mut self.buffer)
    }

    fn fill(&mut self) -> usize {
        let mut piece = [0; 64 * 1024];
        let count = match self.stream.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("tenantd says nothing"),
            Err(_) => 0,
        };
        self.buffer.extend_from_slice(&piece[..count]);
        count
    }
}

/// What was read behind a head comes first.
impl Read for Upstream {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.buffer.is_empty() {
            return self.stream.read(into);
        }
        let count = self.buffer.len().min(into.len());
        into[..count].copy_from_slice(&self.buffer[..count]);
        self.buffer.drain(..count);
        Ok(count)
    }
}

impl Write for Upstream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}
