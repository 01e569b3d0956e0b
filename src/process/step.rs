//! The steps between fork and execve, by systemd's exit codes (systemd.exec(5), "Process Exit Codes").

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
    Setsid = 220,
    RuntimeDirectory = 233,
    StateDirectory = 238,
}

const ALL: [Step; 12] = [
    Step::Chdir,
    Step::Nice,
    Step::Fds,
    Step::Exec,
    Step::Limits,
    Step::OomAdjust,
    Step::Stdin,
    Step::Group,
    Step::User,
    Step::Setsid,
    Step::RuntimeDirectory,
    Step::StateDirectory,
];

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Chdir => "CHDIR",
            Self::Nice => "NICE",
            Self::Fds => "FDS",
            Self::Exec => "EXEC",
            Self::Limits => "LIMITS",
            Self::OomAdjust => "OOM_ADJUST",
            Self::Stdin => "STDIN",
            Self::Group => "GROUP",
            Self::User => "USER",
            Self::Setsid => "SETSID",
            Self::RuntimeDirectory => "RUNTIME_DIRECTORY",
            Self::StateDirectory => "STATE_DIRECTORY",
        }
    }
}

/// The name of an exit code that says which step failed before the program ran: 203 is `EXEC`.
pub fn status_name(code: u8) -> Option<&'static str> {
    ALL.into_iter().find(|step| *step as u8 == code).map(Step::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_as_systemd_names_them() {
        let table = [(200, "CHDIR"), (202, "FDS"), (203, "EXEC"), (205, "LIMITS"), (208, "STDIN")];
        let more = [(201, "NICE"), (206, "OOM_ADJUST"), (216, "GROUP"), (217, "USER"), (220, "SETSID")];
        let directories = [(233, "RUNTIME_DIRECTORY"), (238, "STATE_DIRECTORY")];
        for (code, name) in table.into_iter().chain(more).chain(directories) {
            assert_eq!(status_name(code), Some(name));
        }
        assert_eq!(status_name(1), None);
    }
}
