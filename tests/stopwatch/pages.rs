//! Pages of real applications: whole answers, of which each must be a 200.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::{Result, read_200};

/// Ten large applications that boot side by side take half a minute on a small machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// `together`: one GET of each target, all at once; the time until the last of them has its 200.
pub fn together(address: SocketAddr, targets: &[&str]) -> Result<Duration> {
    let start = Instant::now();
    let mut asked = targets.iter().map(|target| ask(address, target)).collect::<Result<Vec<_>>>()?;
    // Whoever is waited for first: the clock stops when all are there.
    asked.iter_mut().try_for_each(read_200)?;
    Ok(start.elapsed())
}

/// `pages`: COUNT GETs, one after the other, of the targets in turn.
pub fn pages(address: SocketAddr, count: usize, targets: &[&str]) -> Result<()> {
    for target in targets.iter().cycle().take(count) {
        let mut stream = ask(address, target)?;
        read_200(&mut stream).map_err(|error| format!("{target}: {error}"))?;
        stream.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

fn ask(address: SocketAddr, target: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {target} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    Ok(stream)
}
