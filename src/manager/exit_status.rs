//! Names of exit codes (systemd.exec(5), "Process Exit Codes"): which step of the set-up failed.

/// The name of an exit code, without `EXIT_`: 203 is `EXEC`.
pub fn name(code: u8) -> Option<&'static str> {
    let (first, names): (u8, &[&str]) = match code {
        0..=1 => (0, &["SUCCESS", "FAILURE"]),
        2..=7 => (2, &LSB),
        64..=78 => (64, &BSD),
        200..=245 => (200, &SETUP),
        255 => (255, &["EXCEPTION"]),
        _ => return None,
    };
    names.get(usize::from(code - first)).copied().filter(|name| !name.is_empty())
}

const LSB: [&str; 6] =
    ["INVALIDARGUMENT", "NOTIMPLEMENTED", "NOPERMISSION", "NOTINSTALLED", "NOTCONFIGURED", "NOTRUNNING"];

#[rustfmt::skip]
const BSD: [&str; 15] = [
    "USAGE", "DATAERR", "NOINPUT", "NOUSER", "NOHOST", "UNAVAILABLE", "SOFTWARE", "OSERR",
    "OSFILE", "CANTCREAT", "IOERR", "TEMPFAIL", "PROTOCOL", "NOPERM", "CONFIG",
];

/// 200 and up; empty where reserved.
#[rustfmt::skip]
const SETUP: [&str; 46] = [
    "CHDIR", "NICE", "FDS", "EXEC", "MEMORY", "LIMITS", "OOM_ADJUST", "SIGNAL_MASK", "STDIN", "STDOUT",
    "CHROOT", "IOPRIO", "TIMERSLACK", "SECUREBITS", "SETSCHEDULER", "CPUAFFINITY", "GROUP", "USER", "CAPABILITIES",
    "CGROUP",
    "SETSID", "CONFIRM", "STDERR", "", "PAM", "NETWORK", "NAMESPACE", "NO_NEW_PRIVILEGES", "SECCOMP", "SELINUX_CONTEXT",
    "PERSONALITY", "APPARMOR", "ADDRESS_FAMILIES", "RUNTIME_DIRECTORY", "", "CHOWN", "SMACK_PROCESS_LABEL", "KEYRING",
    "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY", "NUMA_POLICY", "CREDENTIALS",
    "BPF", "KSM",
];

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn names_of_systemd() {
        for (code, text) in [
            (0, "SUCCESS"),
            (1, "FAILURE"),
            (7, "NOTRUNNING"),
            (64, "USAGE"),
            (78, "CONFIG"),
            (200, "CHDIR"),
            (203, "EXEC"),
            (210, "CHROOT"),
            (217, "USER"),
            (220, "SETSID"),
            (230, "PERSONALITY"),
            (235, "CHOWN"),
            (240, "LOGS_DIRECTORY"),
            (245, "KSM"),
            (255, "EXCEPTION"),
        ] {
            assert_eq!(name(code), Some(text), "{code}");
        }
        for code in [8, 63, 79, 199, 223, 234, 246, 254] {
            assert_eq!(name(code), None, "{code}");
        }
    }
}
