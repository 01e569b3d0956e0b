//! A constant rate of requests, whoever is late: the time of an answer begins when its request was due, not when a
//! connection was free for it (else a server that stalls would stop the clock: "coordinated omission").

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::answer::Answer;
use crate::{DEADLINE, Result};

/// The clock wakes us so often at most.
const TICK: Duration = Duration::from_micros(50);
/// Answers may come so much later than the last request.
const PATIENCE: Duration = Duration::from_secs(5);
/// Stands for the clock among the connections.
const CLOCK: u64 = u64::MAX;

/// A connection, and the answer that it waits for.
struct Line {
    stream: TcpStream,
    answer: Vec<u8>,
    /// When the request was due, after the start.
    due: Duration,
}

struct Load {
    address: SocketAddr,
    request: Vec<u8>,
    epoll: OwnedFd,
    lines: Vec<Line>,
    free: VecDeque<usize>,
    /// Microseconds of each good answer.
    took: Vec<u64>,
    errors: u64,
}

/// `rate`: prints p50, p99 and p99.9 in microseconds, and how many requests had no good answer.
pub fn rate(address: SocketAddr, target: &str, connections: usize, rate: u64, seconds: u64) -> Result<()> {
    let mut load = Load::open(address, target, connections)?;
    let period = Duration::from_secs(1).div_f64(rate as f64);
    let clock = clock(period.max(TICK))?;
    epoll::add(&load.epoll, &clock, EventData::new_u64(CLOCK), EventFlags::IN)?;
    load.run(rate * seconds, period, &clock)?;
    load.took.sort_unstable();
    let last = load.took.len().checked_sub(1).ok_or("not one good answer")?;
    let at = |share: f64| load.took[(last as f64 * share) as usize];
    println!("{} {} {} {}", at(0.5), at(0.99), at(0.999), load.errors);
    Ok(())
}

/// A timer; it stands still until each of its ticks is read.
fn clock(period: Duration) -> Result<OwnedFd> {
    let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let period = Timespec { tv_sec: period.as_secs() as i64, tv_nsec: period.subsec_nanos().into() };
    timerfd_settime(&clock, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: period, it_value: period })?;
    Ok(clock)
}

impl Load {
    /// Each connection has had an answer before the clock starts.
    fn open(address: SocketAddr, target: &str, connections: usize) -> Result<Self> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes();
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let free = (0..connections).collect();
        let mut load = Self { address, request, epoll, lines: Vec::new(), free, took: Vec::new(), errors: 0 };
        for number in 0..connections {
            let line = load.connect(number)?;
            load.lines.push(line);
        }
        Ok(load)
    }

    fn connect(&self, number: usize) -> Result<Line> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(&self.request)?;
        Answer::read(&mut stream, 200)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        epoll::add(&self.epoll, stream.as_fd(), EventData::new_u64(number as u64), EventFlags::IN)?;
        Ok(Line { stream, answer: Vec::new(), due: Duration::ZERO })
    }

    fn run(&mut self, total: u64, period: Duration, clock: &OwnedFd) -> Result<()> {
        let due = |number: u64| period.mul_f64(number as f64);
        let (start, mut sent) = (Instant::now(), 0);
        let mut events = Vec::with_capacity(256);
        while (sent < total || self.free.len() < self.lines.len()) && start.elapsed() < due(total) + PATIENCE {
            while sent < total
                && due(sent) <= start.elapsed()
                && let Some(number) = self.free.pop_front()
            {
                self.send(number, due(sent))?;
                sent += 1;
            }
            events.clear();
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None)?;
            for event in &events {
                let Event { data, .. } = *event;
                match data.u64() {
                    CLOCK => drop(rustix::io::read(clock, &mut [0; 8])?),
                    number => self.receive(usize::try_from(number)?, start)?,
                }
            }
        }
        self.errors += total - sent + (self.lines.len() - self.free.len()) as u64;
        Ok(())
    }

    fn send(&mut self, number: usize, due: Duration) -> Result<()> {
        let line = &mut self.lines[number];
        line.due = due;
        match line.stream.write(&self.request) {
            Ok(n) if n == self.request.len() => Ok(()),
            _ => self.failed(number),
        }
    }

    fn receive(&mut self, number: usize, start: Instant) -> Result<()> {
        let mut piece = [0; 16 * 1024];
        let line = &mut self.lines[number];
        match line.stream.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(0) | Err(_) => return self.failed(number),
            Ok(n) => line.answer.extend_from_slice(&piece[..n]),
        }
        match Answer::parse(&line.answer) {
            Ok(None) => Ok(()),
            Ok(Some(answer)) if answer.status == 200 => {
                if line.answer.len() as u64 >= answer.length() {
                    line.answer.clear();
                    self.took.push((start.elapsed() - line.due).as_micros() as u64);
                    self.free.push_back(number);
                }
                Ok(())
            }
            _ => self.failed(number),
        }
    }

    /// No good answer: a new connection takes the place of this one.
    fn failed(&mut self, number: usize) -> Result<()> {
        self.errors += 1;
        self.lines[number] = self.connect(number)?;
        if !self.free.contains(&number) {
            self.free.push_back(number);
        }
        Ok(())
    }
}
