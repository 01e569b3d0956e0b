//! One connection: keep-alive until the client leaves, or until SIGTERM finds it without a request.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use crate::listener::Stream;
use crate::request::{Input, Request};
use crate::{Origin, paths};

pub fn serve(origin: &Arc<Origin>, stream: Stream) {
    let mut input = Input { stream, buffer: Vec::new() };
    loop {
        if input.buffer.is_empty() && !origin.readable(&input.stream) {
            return;
        }
        match input.request() {
            Ok(Some(request)) if is_upgrade(&request) => return paths::websocket(input, &request),
            Ok(Some(request)) => match exchange(origin, &mut input, &request) {
                Ok(true) => {}
                Ok(false) | Err(_) => return input.stream.finish(),
            },
            Ok(None) | Err(_) => return,
        }
    }
}

/// Answers one request; true if the connection stays.
fn exchange(origin: &Arc<Origin>, input: &mut Input, request: &Request) -> io::Result<bool> {
    let now = origin.in_flight.fetch_add(1, SeqCst) + 1;
    origin.peak.fetch_max(now, SeqCst);
    let keep = request.keep_alive() && !origin.stopping();
    let answered = paths::answer(origin, input, request, keep);
    origin.in_flight.fetch_sub(1, SeqCst);
    Ok(answered? && keep)
}

fn is_upgrade(request: &Request) -> bool {
    request.field("upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}
