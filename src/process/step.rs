//! The steps between fork and execve, by systemd's exit codes (systemd.exec(5), "Process Exit Codes").

use crate::manager::exit_code_name;

/// One step of the child before its program runs; the value is the exit code when it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    Chdir = 200,
    Nice = 201,
    Fds = 202,
    Exec = 203,
    Limits = 205,
    OomAdjust = 206,
    Stdin = 208,
    Group = 216,
    User = 217,
    Cgroup = 219,
    Setsid = 220,
    RuntimeDirectory = 233,
    StateDirectory = 238,
}

/// The name of an exit code that says which step failed before the program ran: 203 is `EXEC`. Only 200 to 245.
pub fn status_name(code: u8) -> Option<&'static str> {
    exit_code_name(code).filter(|_| (200..=245).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_as_systemd_names_them() {
        for (step, name) in [
            (Step::Chdir, "CHDIR"),
            (Step::Nice, "NICE"),
            (Step::Fds, "FDS"),
            (Step::Exec, "EXEC"),
            (Step::Limits, "LIMITS"),
            (Step::OomAdjust, "OOM_ADJUST"),
            (Step::Stdin, "STDIN"),
            (Step::Group, "GROUP"),
            (Step::User, "USER"),
            (Step::Cgroup, "CGROUP"),
            (Step::Setsid, "SETSID"),
            (Step::RuntimeDirectory, "RUNTIME_DIRECTORY"),
            (Step::StateDirectory, "STATE_DIRECTORY"),
        ] {
            assert_eq!(status_name(step as u8), Some(name));
        }
        for code in [0, 1, 64, 78, 199, 223, 234, 246, 255] {
            assert_eq!(status_name(code), None);
        }
        assert_eq!((200..=245).filter_map(status_name).count(), 44);
    }
}
