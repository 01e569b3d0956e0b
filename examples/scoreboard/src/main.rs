//! A live scoreboard: one process and one SQLite database for each tenant, started by its socket.
//! Threads and blocking calls only; what it must show is the protocol between an init and its service:
//! `LISTEN_FDS` in, `READY=1` out, SIGTERM = answer what was accepted, then exit 0.

mod board;
mod door;
mod http;
mod page;

use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::ExitCode;
use std::{env, error, io, thread};

use board::Board;
use door::Door;
use http::Connection;
use page::Site;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until SIGTERM or SIGINT.
fn run() -> Result<(), Box<dyn error::Error>> {
    let stop = stop_pipe()?;
    let door = Door::from_environment()?;
    let site = site()?;
    notify("READY=1");
    println!("{} is open at {}/", site.title, site.base);
    // The scope's end waits for every thread: that is the whole graceful stop.
    thread::scope(|scope| {
        while let Some(stream) = door.accept(stop.as_fd()) {
            let (site, stop) = (&site, stop.as_fd());
            let served = thread::Builder::new().spawn_scoped(scope, move || serve(stream, site, stop));
            if let Err(error) = served {
                eprintln!("cannot start a thread: {error}");
            }
        }
        notify("STOPPING=1");
        site.board.close();
    });
    println!("{} is closed", site.title);
    Ok(())
}

/// A pipe that becomes readable at SIGTERM or SIGINT and stays so, since nobody reads it: every thread can wait for it.
fn stop_pipe() -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, writer.try_clone()?)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGINT, writer)?;
    Ok(reader)
}

fn site() -> Result<Site, Box<dyn error::Error>> {
    let variable = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let path = variable("DATABASE", "scoreboard.sqlite3");
    let teams = variable("TEAMS", "Home,Guests");
    let board = Board::open(&path, teams.split(',')).map_err(|error| format!("cannot open {path}: {error}"))?;
    let base = variable("BASE", "").trim_end_matches('/').to_owned();
    Ok(Site { title: variable("TITLE", "Scoreboard"), base, board })
}

/// Tells the init (sd_notify(3)); without one nobody listens, and that is no error.
fn notify(state: &str) {
    if let (Some(path), Ok(socket)) = (env::var_os("NOTIFY_SOCKET"), UnixDatagram::unbound()) {
        let _ = socket.send_to(state.as_bytes(), path);
    }
}

/// Answers the requests of one connection. Its errors end the connection and nothing else.
fn serve(stream: UnixStream, site: &Site, stop: std::os::fd::BorrowedFd<'_>) {
    let mut connection = Connection::new(stream, stop);
    while let Ok(Some(request)) = connection.next_request() {
        let sent = match request {
            Ok(request) if site.is_stream(&request) => {
                let _ = connection.send_events(&site.board);
                return;
            }
            Ok(request) => connection.send(&site.answer(&request)),
            Err(refusal) => connection.send(&refusal),
        };
        if sent.is_err() || !connection.is_open() {
            return;
        }
    }
}
