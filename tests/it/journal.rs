//! Lines from real pipes to real outputs: slow ones, broken ones, and ones that others share.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use slotmap::SlotMap;
use tenantd::config::Log;
use tenantd::journal::{Journal, Progress, Stream, StreamKey, Told, Wanted};
use tenantd::unit::{Name, UnitId};

use crate::harness::eventually;

const PLAIN: Log = Log { access: true, timestamps: false };

fn minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn name() -> Name {
    Name::new("showcase@2025-boston").unwrap()
}

fn unit() -> UnitId {
    SlotMap::<UnitId, ()>::with_key().insert(())
}

/// A pipe as a process's stdout is: our end does not block.
fn pipe() -> (OwnedFd, File) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    fcntl_setfl(&read, OFlags::NONBLOCK).unwrap();
    (read, File::from(write))
}

/// A child that another test forks at this moment holds each of our pipes until its execve: the end comes a little later.
fn ended(journal: &mut Journal, key: StreamKey) {
    eventually("the stream has ended", || journal.ready(key) == Progress::Closed);
}

/// A journal whose output is a file, to be read at the end.
fn to_file(log: Log) -> (Journal, File) {
    let file = tempfile::tempfile().unwrap();
    (Journal::start(file.try_clone().unwrap().into(), log).unwrap(), file)
}

fn written(journal: Journal, mut file: File) -> String {
    journal.finish(minute());
    std::io::Seek::rewind(&mut file).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn t63_every_line_says_whose_it_is_with_garbage_returns_and_a_last_one_without_end() {
    let (mut journal, file) = to_file(PLAIN);
    let ((out, mut out_end), (err, mut err_end)) = (pipe(), pipe());
    let unit = unit();
    let out = journal.attach(unit, &name(), 412, Stream::Stdout, out);
    let err = journal.attach(unit, &name(), 412, Stream::Stderr, err);
    out_end.write_all(b"one\r\ntw").unwrap();
    assert_eq!(journal.ready(out), Progress::Drained);
    err_end.write_all(b"\x1b[1mbad\xff\n").unwrap();
    assert_eq!(journal.ready(err), Progress::Drained);
    out_end.write_all(b"o\nlast").unwrap();
    drop(out_end);
    ended(&mut journal, out);
    ended(&mut journal, out);
    assert!(journal.fd(out).is_none());
    assert!(journal.fd(err).is_some());
    journal.say(None, format_args!("up\nnot forged"));
    journal.say(Some(&name()), format_args!("started in {}ms", 12));
    journal.access(Some(&name()), format_args!("GET {} 200", "/a"));
    let tail: Vec<_> = journal.tail(&name());
    assert_eq!(tail, ["one", "\\x1b[1mbad\u{fffd}", "two", "last"]);
    let expected = "showcase@2025-boston[412] stdout: one\n\
                    showcase@2025-boston[412] stderr: \\x1b[1mbad\u{fffd}\n\
                    showcase@2025-boston[412] stdout: two\n\
                    showcase@2025-boston[412] stdout: last\n\
                    tenantd: up\\x0anot forged\n\
                    tenantd: showcase@2025-boston: started in 12ms\n\
                    showcase@2025-boston access: GET /a 200\n";
    assert_eq!(written(journal, file), expected);
}

#[test]
fn a_time_stamp_comes_first_unless_it_is_not_wanted() {
    let (mut journal, file) = to_file(Log { access: true, timestamps: true });
    journal.say(None, format_args!("up"));
    let text = written(journal, file);
    let (stamp, rest) = text.split_once(' ').unwrap();
    assert_eq!(rest, "tenantd: up\n");
    let shape: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
}

#[test]
fn what_crates_log_comes_in_the_same_form() {
    let (journal, file) = to_file(PLAIN);
    journal.take_log();
    log::info!(target: "tenantd::test", "from {}", "inside");
    log::debug!(target: "tenantd::test", "too fine");
    log::info!(target: "other", "not ours");
    log::warn!(target: "other", "two\nlines");
    assert_eq!(written(journal, file), "tenantd: from inside\ntenantd: two\\x0alines\n");
}

#[test]
fn t60_an_output_that_nobody_reads_costs_lines_but_never_waits() {
    const LINES: usize = 200_000;
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let mut journal = Journal::start(write, PLAIN).unwrap();
    for n in 0..LINES {
        journal.say(None, format_args!("line {n}"));
        journal.turn();
    }
    // Far more than the pipe and both buffers hold: that we are here says that nothing waited.
    let reader = std::thread::spawn(move || BufReader::new(File::from(read)).lines().map(Result::unwrap).collect());
    journal.finish(minute());
    let lines: Vec<String> = reader.join().unwrap();
    let lost = |line: &String| {
        line.strip_prefix("tenantd: ")?
            .strip_suffix(" lines dropped: whoever reads this output is too slow")?
            .parse::<usize>()
            .ok()
    };
    let dropped: usize = lines.iter().filter_map(lost).sum();
    let confessions = lines.iter().filter_map(lost).count();
    assert!(dropped > 0);
    assert_eq!(lines.len() - confessions + dropped, LINES);
    // What is there is in order, and a gap is as long as it says.
    let mut next = 0;
    for line in &lines {
        match lost(line) {
            Some(gap) => next += gap,
            None => {
                assert_eq!(*line, format!("tenantd: line {next}"));
                next += 1;
            }
        }
    }
}

#[test]
fn t60_an_end_is_bounded_when_the_output_hangs() {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let mut journal = Journal::start(write, PLAIN).unwrap();
    for n in 0..20_000 {
        journal.say(None, format_args!("line {n}"));
    }
    journal.finish(Instant::now());
    drop(read);
}

#[test]
fn t60_an_output_that_another_made_non_blocking_gets_every_line() {
    const LINES: usize = 5_000;
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    fcntl_setfl(&write, OFlags::NONBLOCK).unwrap();
    let shared = write.try_clone().unwrap();
    let mut journal = Journal::start(write, PLAIN).unwrap();
    (0..LINES).for_each(|n| journal.say(None, format_args!("line {n}, {}", "x".repeat(100))));
    journal.turn();
    let reader = std::thread::spawn(move || BufReader::new(File::from(read)).lines().count());
    journal.finish(minute());
    assert!(fcntl_getfl(&shared).unwrap().contains(OFlags::NONBLOCK), "the flag is not ours to change");
    drop(shared);
    assert_eq!(reader.join().unwrap(), LINES);
}

#[test]
fn t60_a_blocking_output_stays_blocking() {
    let (_read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let shared = write.try_clone().unwrap();
    let journal = Journal::start(write, PLAIN).unwrap();
    assert!(!fcntl_getfl(&shared).unwrap().contains(OFlags::NONBLOCK));
    journal.finish(minute());
}

/// All lines that the journal keeps.
fn kept(journal: &Journal) -> Vec<String> {
    let mut all = Vec::new();
    journal.tell(&mut journal.reader(Wanted::default()), &mut |told| {
        all.push(match told {
            Told::Line(line) => line.text.to_owned(),
            Told::Missed(lines) => panic!("{lines} missed"),
        });
        true
    });
    all
}

/// Writes to an output that takes nothing: every line is kept, and it is said once why none is written.
fn lost(output: OwnedFd, reason: &str) {
    let mut journal = Journal::start(output, PLAIN).unwrap();
    for n in 0..10 {
        journal.say(None, format_args!("line {n}"));
        journal.turn();
        eventually("it is said", || kept(&journal).iter().any(|line| line.contains("cannot write to stdout")));
    }
    let (told, lines): (Vec<_>, Vec<_>) = kept(&journal).into_iter().partition(|line| line.contains("cannot write"));
    assert_eq!(lines, (0..10).map(|n| format!("line {n}")).collect::<Vec<_>>());
    assert_eq!(told.len(), 1);
    assert!(told[0].contains(reason), "{told:?}");
    journal.finish(minute());
}

#[test]
fn t42_on_a_full_disk_lines_are_kept_in_memory_and_it_is_said_once() {
    lost(File::options().write(true).open("/dev/full").unwrap().into(), "No space left on device");
}

#[test]
fn t43_where_nothing_can_be_written_lines_are_kept_in_memory_and_it_is_said_once() {
    lost(File::open("/dev/null").unwrap().into(), "Bad file descriptor");
}

#[test]
fn t60_what_a_closed_output_loses_is_kept() {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    drop(read);
    lost(write, "Broken pipe");
}

#[test]
fn t61_a_file_and_dev_null_are_outputs_too() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let mut journal = Journal::start(null.into(), PLAIN).unwrap();
    journal.say(None, format_args!("up"));
    assert_eq!(kept(&journal), ["up"]);
    journal.finish(minute());
    let (mut journal, file) = to_file(PLAIN);
    journal.say(None, format_args!("up"));
    assert_eq!(written(journal, file), "tenantd: up\n");
}

#[test]
fn t65_what_was_read_outlives_whoever_reads_the_output() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let open = |read: bool| {
        // As a log driver does that comes late or again; a reader alone must not wait for a writer.
        let flags = if read { OFlags::RDONLY | OFlags::NONBLOCK } else { OFlags::WRONLY };
        rustix::fs::open(&path, flags | OFlags::CLOEXEC, rustix::fs::Mode::empty()).unwrap()
    };
    let first = open(true);
    let mut journal = Journal::start(open(false), PLAIN).unwrap();
    drop(first);
    journal.say(None, format_args!("nobody reads this"));
    journal.turn();
    eventually("it is said", || kept(&journal).iter().any(|line| line.contains("cannot write to stdout")));
    let second = open(true);
    let mut text = String::new();
    eventually("the new reader gets new lines", || {
        journal.say(None, format_args!("somebody does"));
        journal.turn();
        let mut bytes = [0; 4096];
        let count = rustix::io::read(&second, &mut bytes).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        text.contains("somebody does")
    });
    assert!(kept(&journal).contains(&"nobody reads this".to_owned()));
    journal.finish(minute());
}

#[test]
fn t63_a_line_without_end_waits_a_second_and_wakes_nobody_after_it() {
    let (mut journal, file) = to_file(PLAIN);
    let (read, mut write) = pipe();
    let key = journal.attach(unit(), &name(), 1, Stream::Stdout, read);
    write.write_all(b"whole\n").unwrap();
    journal.ready(key);
    assert_eq!(journal.deadline(), None);
    write.write_all(b"name? ").unwrap();
    journal.ready(key);
    let deadline = journal.deadline().unwrap();
    journal.elapse(deadline - Duration::from_millis(1));
    assert_eq!(kept(&journal), ["whole"]);
    journal.elapse(deadline);
    assert_eq!(kept(&journal), ["whole", "name?  [\u{2026}]"]);
    assert_eq!(journal.deadline(), None);
    write.write_all(b"\nha").unwrap();
    journal.ready(key);
    assert!(journal.deadline().is_some());
    // Its end comes in time: nothing is to be done, and the next line has its own time.
    write.write_all(b"lf\n").unwrap();
    journal.ready(key);
    assert_eq!(journal.deadline(), None);
    write.write_all(b"a").unwrap();
    journal.ready(key);
    let deadline = journal.deadline().unwrap();
    write.write_all(b"\nb").unwrap();
    journal.ready(key);
    journal.elapse(deadline);
    assert_eq!(kept(&journal), ["whole", "name?  [\u{2026}]", "half", "a"]);
    let later = journal.deadline().unwrap();
    assert!(later > deadline);
    drop(write);
    ended(&mut journal, key);
    assert_eq!(journal.deadline(), None);
    assert!(written(journal, file).ends_with("stdout: b\n"));
}

#[test]
fn t62_a_line_of_100_mb_is_split_and_keeps_memory_small() {
    const MEGABYTES: usize = 100;
    let (mut journal, file) = to_file(PLAIN);
    let (read, mut write) = pipe();
    let key = journal.attach(unit(), &name(), 1, Stream::Stdout, read);
    let writer = std::thread::spawn(move || (0..MEGABYTES).for_each(|_| write.write_all(&[b'x'; 1 << 20]).unwrap()));
    let mut most = 0;
    loop {
        let fd = journal.fd(key).unwrap();
        let mut polled = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut polled, None).unwrap();
        let progress = journal.ready(key);
        journal.turn();
        most += 1;
        if progress == Progress::Closed {
            break;
        }
    }
    writer.join().unwrap();
    assert!(most > 1, "a turn is bounded");
    let text = written(journal, file);
    let pieces = text.lines().filter(|line| line.contains("stdout: x"));
    assert!(pieces.clone().all(|line| line.len() < 17 * 1024));
    assert!(pieces.clone().next().unwrap().ends_with(" [\u{2026}]"));
    assert!(pieces.count() > 16);
}

#[test]
fn one_turn_reads_no_more_than_its_share() {
    let (mut journal, file) = to_file(PLAIN);
    let (read, mut write) = pipe();
    rustix::pipe::fcntl_setpipe_size(&write, 256 * 1024).unwrap();
    write.write_all(&b"0123456\n".repeat(16 * 1024)).unwrap();
    let key = journal.attach(unit(), &name(), 1, Stream::Stdout, read);
    let progress = [(); 3].map(|()| journal.ready(key));
    assert_eq!(progress, [Progress::More, Progress::More, Progress::Drained]);
    drop(write);
    ended(&mut journal, key);
    assert_eq!(written(journal, file).lines().count(), 16 * 1024);
}

#[test]
fn t64_a_pipe_that_a_survivor_holds_holds_nothing_up() {
    let (mut journal, file) = to_file(PLAIN);
    let (read, mut write) = pipe();
    let survivor = write.try_clone().unwrap();
    let unit = unit();
    let key = journal.attach(unit, &name(), 1, Stream::Stderr, read);
    write.write_all(b"reason\nhalf").unwrap();
    drop(write);
    journal.catch_up(unit);
    assert_eq!(journal.tail(&name()), ["reason"]);
    assert!(journal.fd(key).is_some_and(|fd| fcntl_getfl(fd.as_fd()).is_ok()));
    drop(survivor);
    journal.catch_up(unit);
    ended(&mut journal, key);
    assert_eq!(journal.tail(&name()), ["reason", "half"]);
    let expected = "showcase@2025-boston[1] stderr: reason\nshowcase@2025-boston[1] stderr: half\n";
    assert_eq!(written(journal, file), expected);
}
