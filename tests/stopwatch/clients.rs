//! Many clients at once, good for nothing: idle ones, tunnels, slow writers and slow readers. When all of them are there
//! it says "ready"; then they stay until this program is killed. And single ones that move much.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::pause;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};

use crate::answer::Answer;
use crate::{DEADLINE, Result};

/// Fields that ask for a WebSocket (RFC 6455 §1.2).
pub const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// So many requests of those who will be quiet are in flight at once: the tenant's connections shall be few.
const AT_ONCE: usize = 16;
/// Between two bytes of a slow writer.
const PERIOD: Duration = Duration::from_millis(500);
/// Between two turns of those who are slow, so that they do not come in bursts.
const TURN: Duration = Duration::from_millis(1);
/// Between two sips of a slow reader, and the size of one.
const PAUSE: Duration = Duration::from_millis(10);
const SIP: usize = 4096;

/// Connects from one of a hundred addresses, as many clients do.
pub fn client(address: SocketAddr, number: usize, flags: SocketFlags) -> Result<TcpStream> {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)?;
    let from = Ipv4Addr::new(127, 0, 1, u8::try_from(number % 100 + 1)?);
    bind(&fd, &SocketAddr::from((from, 0)))?;
    match connect(&fd, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(fd.into()),
        Err(error) => Err(error.into()),
    }
}

/// `hold` and `tunnels`: each makes one request, which is answered with this status, and is quiet then.
pub fn hold(address: SocketAddr, target: &str, count: usize, fields: &str, status: u16) -> Result<()> {
    let mut held: Vec<TcpStream> = Vec::with_capacity(count);
    while held.len() < count {
        let first = held.len();
        for number in first..count.min(first + AT_ONCE) {
            let mut stream = client(address, number, SocketFlags::empty())?;
            stream.set_read_timeout(Some(DEADLINE))?;
            write!(stream, "GET {target} HTTP/1.1\r\nHost: bench\r\n{fields}\r\n")?;
            held.push(stream);
        }
        held[first..].iter_mut().try_for_each(|stream| Answer::read(stream, status).map(drop))?;
    }
    println!("ready");
    loop {
        pause();
    }
}

/// `trickle`: each sends a head that never ends, a byte every half second, and begins anew when it is thrown out.
pub fn trickle(address: SocketAddr, count: usize) -> Result<()> {
    let connect = |number| client(address, number, SocketFlags::NONBLOCK);
    let mut slow: Vec<_> = (0..count).map(|number| connect(number).map(|stream| (stream, 0))).collect::<Result<_>>()?;
    println!("ready");
    let start = Instant::now();
    for turn in 0_usize.. {
        // Whose byte is due: all of them once in a period.
        let due = |turn: usize| turn * count / (PERIOD.as_millis() / TURN.as_millis()) as usize;
        for number in (due(turn)..due(turn + 1)).map(|number| number % count) {
            let (stream, sent) = &mut slow[number];
            match stream.write(&[head_byte(*sent)]) {
                Ok(_) => *sent += 1,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => slow[number] = (connect(number)?, 0),
            }
        }
        sleep((TURN * turn as u32).saturating_sub(start.elapsed()));
    }
    Ok(())
}

/// The byte at a place of a head whose last field never ends.
fn head_byte(at: usize) -> u8 {
    b"GET /slow HTTP/1.1\r\nHost: bench\r\nX-Slow: ".get(at).copied().unwrap_or(b'x')
}

/// `sip`: each asks for a large answer and reads it in sips.
pub fn sip(address: SocketAddr, target: &str, count: usize) -> Result<()> {
    let mut slow = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = client(address, number, SocketFlags::empty())?;
        write!(stream, "GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        slow.push(stream);
    }
    println!("ready");
    let mut piece = [0; SIP];
    loop {
        for stream in &mut slow {
            stream.read_exact(&mut piece)?;
        }
        sleep(PAUSE);
    }
}

/// `download`: one large answer, as fast as it comes. Prints milliseconds.
pub fn download(address: SocketAddr, target: &str, bytes: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let start = Instant::now();
    write!(stream, "GET {target}?bytes={bytes} HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let answer = Answer::read(&mut stream, 200)?;
    if answer.body != bytes {
        return Err(format!("{bytes} bytes became {}", answer.body).into());
    }
    println!("{}", start.elapsed().as_millis());
    Ok(())
}

/// `upload`: one large body, as fast as it is taken. Prints milliseconds.
pub fn upload(address: SocketAddr, target: &str, bytes: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let start = Instant::now();
    write!(stream, "PUT {target} HTTP/1.1\r\nHost: bench\r\nContent-Length: {bytes}\r\n\r\n")?;
    let block = [b'u'; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let n = left.min(block.len() as u64);
        stream.write_all(&block[..usize::try_from(n)?])?;
        left -= n;
    }
    Answer::read(&mut stream, 200)?;
    println!("{}", start.elapsed().as_millis());
    Ok(())
}
