//! The operator's side of the control socket: it may block, since it is a process of its own.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

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
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "; is tenantd running with this configuration?"
            }
            io::ErrorKind::PermissionDenied => "; be root, or the user that runs tenantd",
            _ => "",
        };
        write!(f, "cannot ask tenantd at {}: {}{way_out}", self.socket.display(), self.error)
    }
}

/// Asks the daemon and waits for its answer: a job's comes when the job has ended.
pub fn ask(socket: &Path, request: &Request) -> Result<Answer, NoAnswer> {
    exchange(socket, request).map_err(|error| NoAnswer { socket: socket.to_owned(), error })
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

fn exchange(socket: &Path, request: &Request) -> io::Result<Answer> {
    let mut line = String::new();
    BufReader::new(send(socket, request)?).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before it answered"));
    }
    Ok(serde_json::from_str(&line)?)
}

fn send(socket: &Path, request: &Request) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    let mut question = serde_json::to_vec(request)?;
    question.push(b'\n');
    stream.write_all(&question)?;
    Ok(stream)
}
