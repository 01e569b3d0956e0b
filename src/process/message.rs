//! What a datagram of sd_notify(3) says. Pure: bytes in, a value out; never touches a descriptor.

use std::time::Duration;

use crate::unit::NotifyAccess;

/// Highest errno(3) that the kernel has.
const ERRNO_MAX: u32 = 4095;

/// What a process says of itself. The default says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// `READY=1`.
    pub ready: bool,
    /// `STOPPING=1`; then `ready` and `reloading` are false.
    pub stopping: bool,
    /// `RELOADING=1`; false beside `ready`.
    pub reloading: bool,
    /// `MONOTONIC_USEC=`: CLOCK_MONOTONIC in microseconds when the reload began.
    pub monotonic_usec: Option<u64>,
    /// `STATUS=`; an empty one clears. Dropped if it is not UTF-8. The datagram's limit of 4096 bytes is tighter than
    /// systemd's 16 KiB.
    pub status: Option<String>,
    /// `ERRNO=`, 0 to 4095.
    pub errno: Option<u32>,
    /// `MAINPID=`; 0, 1 and nonsense are dropped.
    pub main_pid: Option<u32>,
    /// `EXTEND_TIMEOUT_USEC=`: how long from now on the current phase may last.
    pub extend_timeout: Option<Duration>,
    /// `WATCHDOG=1` or `WATCHDOG=trigger`.
    pub watchdog: Option<Watchdog>,
    /// `WATCHDOG_USEC=`: the interval in microseconds for the rest of this run; 0 and `u64::MAX` turn the watchdog off.
    pub watchdog_usec: Option<u64>,
    /// `NOTIFYACCESS=`: whose messages count for the rest of this run.
    pub notify_access: Option<NotifyAccess>,
    /// `BARRIER=1`, and nothing else; beside anything else the message says nothing at all.
    pub barrier: bool,
}

/// What is said to the watchdog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watchdog {
    /// Still alive: the interval starts anew.
    Ping,
    /// Something is wrong: as if the interval had passed.
    Trigger,
}

/// Reads the lines of a datagram. A NUL anywhere but at the end makes it empty; unknown keys are ignored.
pub fn parse(bytes: &[u8]) -> Message {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let mut message = Message::default();
    if memchr::memchr(0, bytes).is_some() {
        return message;
    }
    // From the last line up: of a key that is there twice the first counts, even if its value is nonsense.
    for line in bytes.rsplit(|byte| *byte == b'\n') {
        message.read(line);
    }
    if message.barrier {
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        return Message { barrier: text == b"BARRIER=1", ..Message::default() };
    }
    message.ready &= !message.stopping;
    message.reloading &= !message.stopping && !message.ready;
    message
}

impl Message {
    fn read(&mut self, line: &[u8]) {
        match line {
            b"READY=1" => self.ready = true,
            b"STOPPING=1" => self.stopping = true,
            b"RELOADING=1" => self.reloading = true,
            b"BARRIER=1" => self.barrier = true,
            _ => self.assign(line),
        }
    }

    fn assign(&mut self, line: &[u8]) {
        let Some((key, value)) = memchr::memchr(b'=', line).map(|place| (&line[..place], &line[place + 1..])) else {
            return;
        };
        let text = std::str::from_utf8(value).ok();
        match key {
            b"STATUS" => self.status = text.map(str::to_owned),
            b"ERRNO" => self.errno = number(text).filter(|errno| *errno <= ERRNO_MAX),
            b"MAINPID" => self.main_pid = number(text).filter(|pid| *pid > 1 && i32::try_from(*pid).is_ok()),
            b"MONOTONIC_USEC" => self.monotonic_usec = number(text),
            b"EXTEND_TIMEOUT_USEC" => self.extend_timeout = number(text).map(Duration::from_micros),
            b"WATCHDOG" => self.watchdog = text.and_then(watchdog),
            b"WATCHDOG_USEC" => self.watchdog_usec = number(text),
            b"NOTIFYACCESS" => self.notify_access = text.and_then(NotifyAccess::from_word),
            _ => {}
        }
    }
}

fn number<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text?.parse().ok()
}

fn watchdog(text: &str) -> Option<Watchdog> {
    match text {
        "1" => Some(Watchdog::Ping),
        "trigger" => Some(Watchdog::Trigger),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads as an empty message that `with` has changed.
    #[track_caller]
    fn check(bytes: &[u8], with: fn(&mut Message)) {
        let mut expected = Message::default();
        with(&mut expected);
        assert_eq!(parse(bytes), expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn states() {
        check(b"READY=1", |m| m.ready = true);
        check(b"READY=1\n", |m| m.ready = true);
        check(b"READY=1\0", |m| m.ready = true);
        check(b"X\n=\n\nREADY=1\nFDSTORE=1\nFDNAME=a\nX_OURS=1\nREADY", |m| m.ready = true);
        check(b"STOPPING=1\nREADY=1\nRELOADING=1", |m| m.stopping = true);
        check(b"RELOADING=1\nSTOPPING=1", |m| m.stopping = true);
        check(b"RELOADING=1\nREADY=1", |m| m.ready = true);
        check(b"READY=0\nREADY=1", |m| m.ready = true);
        check(b"RELOADING=1\nMONOTONIC_USEC=18446744073709551615", |m| {
            (m.reloading, m.monotonic_usec) = (true, Some(u64::MAX));
        });
    }

    #[test]
    fn values() {
        check(b"STATUS=a=b c", |m| m.status = Some("a=b c".into()));
        check(b"STATUS=", |m| m.status = Some(String::new()));
        check(b"STATUS=\xff\nREADY=1", |m| m.ready = true);
        check(b"ERRNO=2", |m| m.errno = Some(2));
        check(b"ERRNO=0", |m| m.errno = Some(0));
        check(b"MAINPID=42", |m| m.main_pid = Some(42));
        check(b"EXTEND_TIMEOUT_USEC=1500000", |m| m.extend_timeout = Some(Duration::from_millis(1500)));
        check(b"WATCHDOG=1", |m| m.watchdog = Some(Watchdog::Ping));
        check(b"WATCHDOG=trigger", |m| m.watchdog = Some(Watchdog::Trigger));
        check(b"WATCHDOG_USEC=0", |m| m.watchdog_usec = Some(0));
        check(b"NOTIFYACCESS=all", |m| m.notify_access = Some(NotifyAccess::All));
        check(b"NOTIFYACCESS=none\nNOTIFYACCESS=all", |m| m.notify_access = Some(NotifyAccess::None));
        check(b"MAINPID=7\nSTATUS=one\nMAINPID=8\nSTATUS=two", |m| {
            (m.main_pid, m.status) = (Some(7), Some("one".into()));
        });
    }

    #[test]
    fn barriers_stand_alone() {
        check(b"BARRIER=1", |m| m.barrier = true);
        check(b"BARRIER=1\n", |m| m.barrier = true);
        check(b"BARRIER=1\0", |m| m.barrier = true);
        check(b"BARRIER=1\nREADY=1", |_| {});
        check(b"READY=1\nBARRIER=1", |_| {});
        check(b"BARRIER=1\nBARRIER=1", |_| {});
        check(b"BARRIER=0\nREADY=1", |m| m.ready = true);
    }

    #[test]
    fn nonsense_says_nothing() {
        let table: [&[u8]; 29] = [
            b"",
            b"\0",
            b"\n\n",
            b"READY=1\0\0",
            b"READY=1\0STATUS=x",
            b"READY=0",
            b"READY=",
            b"READY=11",
            b"ready=1",
            b" READY=1",
            b"READY=1\r",
            b"STATUS=\xff",
            b"STATUS",
            b"ERRNO=4096",
            b"ERRNO=-1",
            b"MAINPID=0",
            b"MAINPID=1",
            b"MAINPID=-2",
            b"MAINPID=2147483648",
            b"MAINPID=4294967295",
            b"MAINPID=0\nMAINPID=42",
            b"MONOTONIC_USEC=",
            b"MONOTONIC_USEC=18446744073709551616",
            b"EXTEND_TIMEOUT_USEC=1s",
            b"WATCHDOG=0",
            b"WATCHDOG=Trigger",
            b"WATCHDOG=2\nWATCHDOG=1",
            b"WATCHDOG_USEC=infinity",
            b"NOTIFYACCESS=control",
        ];
        for bytes in table {
            check(bytes, |_| {});
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_one_state_at_most(
            bytes: Vec<u8>,
            text in "((READY|STOPPING|RELOADING|BARRIER|WATCHDOG|MAINPID)=1?\n?){0,6}",
        ) {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let message = parse(bytes);
                let states = [message.ready, message.stopping, message.reloading, message.barrier];
                prop_assert!(states.iter().filter(|is| **is).count() <= 1);
            }
        }
    }
}
