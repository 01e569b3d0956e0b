//! The operator's side of the control socket: it may block, since it is a process of its own.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::message::{Answer, Request};

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

fn exchange(socket: &Path, request: &Request) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    let mut question = serde_json::to_vec(request)?;
    question.push(b'\n');
    stream.write_all(&question)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before it answered"));
    }
    Ok(serde_json::from_str(&line)?)
}
