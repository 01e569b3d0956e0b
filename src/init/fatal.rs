//! Why tenantd could not start. Everything that can be wrong before the first unit is a clear end, not a guess.

use std::fmt;
use std::io::{self, ErrorKind};

/// What could not be done, why, and what to do next.
#[derive(Debug)]
pub struct Fatal {
    what: String,
    error: io::Error,
    way_out: &'static str,
}

impl Fatal {
    pub(super) fn new(what: impl Into<String>, error: io::Error) -> Self {
        let way_out = match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => "; raise the limit of open files (ulimit -n)",
            _ => "",
        };
        Self { what: what.into(), error, way_out }
    }

    /// The thread that writes the log.
    pub(super) fn thread(error: io::Error) -> Self {
        let mut fatal = Self::new("start the log writer", error);
        if fatal.error.raw_os_error() == Some(libc::EPERM) {
            fatal.way_out = "; a seccomp filter refuses threads (clone3): use Docker 20.10.10 or newer";
        }
        fatal
    }

    /// An address of the front door.
    pub(super) fn address(address: &impl fmt::Display, error: io::Error) -> Self {
        let way_out = match error.kind() {
            ErrorKind::AddrInUse => "; stop the other server there, or change [http] listen in tenantd.toml",
            ErrorKind::AddrNotAvailable => "; this machine has no such address: change [http] listen in tenantd.toml",
            ErrorKind::PermissionDenied => {
                "; a port below 1024 needs CAP_NET_BIND_SERVICE: choose a higher one in [http] listen"
            }
            _ => return Self::new(format!("listen at {address}"), error),
        };
        Self { what: format!("listen at {address}"), error, way_out }
    }

    /// The runtime directory, or what is made in it.
    pub(super) fn runtime(what: String, error: io::Error) -> Self {
        let mut fatal = Self::new(what, error);
        if fatal.way_out.is_empty() && fatal.error.kind() != ErrorKind::AddrInUse {
            fatal.way_out = "; set runtime_directory in tenantd.toml to a short path that can be written";
        }
        fatal
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}{}", self.what, self.error, self.way_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_says_what_to_do_next() {
        let error = io::Error::from_raw_os_error;
        for (fatal, text) in [
            (
                Fatal::address(&"0.0.0.0:3000", error(libc::EADDRINUSE)),
                "cannot listen at 0.0.0.0:3000: Address already in use (os error 98); stop the other server there, or \
                 change [http] listen in tenantd.toml",
            ),
            (
                Fatal::address(&"0.0.0.0:80", error(libc::EACCES)),
                "cannot listen at 0.0.0.0:80: Permission denied (os error 13); a port below 1024 needs \
                 CAP_NET_BIND_SERVICE: choose a higher one in [http] listen",
            ),
            (
                Fatal::runtime("make the runtime directory /run/tenantd".into(), error(libc::EROFS)),
                "cannot make the runtime directory /run/tenantd: Read-only file system (os error 30); set \
                 runtime_directory in tenantd.toml to a short path that can be written",
            ),
            (
                Fatal::runtime("listen at /run/tenantd/control.sock".into(), error(libc::EMFILE)),
                "cannot listen at /run/tenantd/control.sock: Too many open files (os error 24); raise the limit of \
                 open files (ulimit -n)",
            ),
            (
                Fatal::new("make the socket of web@boston", error(libc::EMFILE)),
                "cannot make the socket of web@boston: Too many open files (os error 24); raise the limit of open \
                 files (ulimit -n)",
            ),
        ] {
            assert_eq!(fatal.to_string(), text);
        }
    }
}
