//! The operator's side of the control socket: it may block, since it is a process of its own.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::message::{Answer, Request};

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub struct NoAnswer {
    socket: PathBuf,
    error: io::Error,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way_out = match self.error.kind() {
            io::ErrorKind::NotFound => {
                return write!(
                    f,
                    "tenantd is not running: no socket at {}; name its configuration with --config DIR",
                    self.socket.display()
                );
            }
            io::ErrorKind::ConnectionRefused => {
                return write!(f, "tenantd is not running: nobody answers at {}", self.socket.display());
            }
            io::ErrorKind::PermissionDenied => "; be root, or the user that runs tenantd",
            _ => "",
        };
        write!(f, "cannot ask tenantd at {}: {}{way_out}", self.socket.display(), self.error)
    }
}

impl NoAnswer {
    /// The socket's mode keeps this user out.
    pub fn is_denied(&self) -> bool {
        self.error.kind() == io::ErrorKind::PermissionDenied
    }
}

/// A question that has been asked.
#[derive(Debug)]
pub struct Question {
    reader: BufReader<UnixStream>,
    line: String,
    socket: PathBuf,
}

impl Question {
    /// Asks. If nobody waits for the answer, it is done all the same.
    pub fn ask(socket: &Path, request: &Request) -> Result<Self, NoAnswer> {
        let socket = socket.to_owned();
        match send(&socket, request) {
            Ok(stream) => Ok(Self { reader: BufReader::new(stream), line: String::new(), socket }),
            Err(error) => Err(NoAnswer { socket, error }),
        }
    }

    /// The answer, or `None` if it does not come within `patience`.
    pub fn answer(&mut self, patience: Option<Duration>) -> Result<Option<Answer>, NoAnswer> {
        self.read(patience).map_err(|error| NoAnswer { socket: self.socket.clone(), error })
    }

    fn read(&mut self, patience: Option<Duration>) -> io::Result<Option<Answer>> {
        self.reader.get_ref().set_read_timeout(patience)?;
        match self.reader.read_line(&mut self.line) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            read => read?,
        };
        if self.line.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before it answered"));
        }
        Ok(Some(serde_json::from_str(&self.line)?))
    }
}

/// Asks the daemon and waits for its answer: a job's comes when the job has ended.
pub fn ask(socket: &Path, request: &Request) -> Result<Answer, NoAnswer> {
    let missing = || io::Error::from(io::ErrorKind::TimedOut);
    Question::ask(socket, request)?
        .answer(None)?
        .ok_or_else(|| NoAnswer { socket: socket.to_owned(), error: missing() })
}

/// Asks for a stream of answers.
pub fn listen(socket: &Path, request: &Request) -> Result<Stream, NoAnswer> {
    let unread = Vec::new();
    let stream = send(socket, request).map(|stream| Stream { stream, unread });
    stream.map_err(|error| NoAnswer { socket: socket.to_owned(), error })
}

/// Answers as they come.
#[derive(Debug)]
pub struct Stream {
    stream: UnixStream,
    /// The beginning of a line.
    unread: Vec<u8>,
}

impl Stream {
    /// Waits for bytes, and gives the whole answers in them, maybe none. `None` is the daemon's end.
    pub fn answers(&mut self) -> io::Result<Option<Vec<Answer>>> {
        let start = self.unread.len();
        self.unread.resize(start + PIECE, 0);
        let count = loop {
            match self.stream.read(&mut self.unread[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It was killed with a question of ours unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break 0,
                count => break count?,
            }
        };
        self.unread.truncate(start + count);
        if count == 0 {
            return Ok(None);
        }
        let end = memchr::memrchr(b'\n', &self.unread).map_or(0, |at| at + 1);
        let answers =
            serde_json::Deserializer::from_slice(&self.unread[..end]).into_iter().collect::<Result<_, _>>()?;
        self.unread.drain(..end);
        Ok(Some(answers))
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn send(socket: &Path, request: &Request) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    let mut question = serde_json::to_vec(request)?;
    question.push(b'\n');
    stream.write_all(&question)?;
    Ok(stream)
}
