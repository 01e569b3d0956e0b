//! One request and its answer: what has to be remembered between two readiness events, and the rule of retries.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::ConnKey;
use super::buffer::Pool;
use super::extra::{By, Extra};
use super::upload::Upload;
use super::words::Words;
use crate::config::Http;
use crate::http::{Body, Framing, Version};
use crate::unit::UnitId;

/// Most bytes of a request that are kept to be sent again, and most that are read ahead of the tenant.
pub(super) const WINDOW: usize = 64 * 1024;
/// Most interim answers (1xx) to one request.
pub(super) const MAX_INTERIM: u8 = 16;
/// Most times that one request is sent.
const MAX_TRIES: u8 = 4;

/// The exchange that a client's connection is in.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The tenant; `None` where tenantd itself answers.
    pub unit: Option<UnitId>,
    /// The connection that the request was sent on.
    pub conn: Option<ConnKey>,
    /// The request as it is sent: head and what has come of its body.
    pub request: Vec<u8>,
    /// How much of `request` has been sent.
    pub sent: usize,
    /// `request` still begins with its head: it can be sent again.
    pub intact: bool,
    /// Progress of the request's body.
    pub body: Body,
    /// How fast it comes.
    pub upload: Upload,
    /// Progress of the answer's body, once its head has gone to the client.
    pub answer: Option<Body>,
    /// The client speaks HTTP/1.0 and must not see chunks.
    pub dechunk: bool,
    /// The answer is a stream of events: its reader never finishes writing early, so that his end of writing is his end.
    pub event_stream: bool,
    /// The request is a HEAD.
    pub head_only: bool,
    /// The tenant may answer with a file.
    pub lends: bool,
    /// A robot asks, which gets files and nothing of the tenant.
    pub robot: bool,
    /// The client asked for another protocol.
    pub upgrade: bool,
    /// The client takes trailers.
    pub trailers: bool,
    /// The client holds its body back until the tenant says 100 (Continue), or until it has waited long enough.
    pub expects: bool,
    /// The client has announced that it is its last request.
    pub last: bool,
    /// The client's connection lives on after this exchange.
    pub keep_alive: bool,
    /// Version of the request.
    pub version: Version,
    /// Status of the answer; 0 before.
    pub status: u16,
    /// Interim answers so far.
    pub interim: u8,
    /// Times sent.
    pub tries: u8,
    /// Its request line, its id and more, for the log and for answers of ours.
    pub words: Words,
    /// Who answers, for the log.
    pub by: By,
    /// What few requests have.
    pub extra: Option<Box<Extra>>,
    /// Who asks, for the log: the peer, or whom a trusted proxy names.
    pub client: IpAddr,
    /// When the request's first byte was read.
    pub arrived: Instant,
    /// When it was sent to the tenant.
    pub dispatched: Option<Instant>,
    /// When the answer's head was complete.
    pub answered: Option<Instant>,
    /// Bytes of the request, head included.
    pub bytes_in: u64,
    /// Bytes of the answer, head included.
    pub bytes_out: u64,
}

/// How the connection to the tenant ended before any byte of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Writing failed: the tenant has closed.
    Unwritable,
    /// Reading said reset: it closed with bytes of ours unread.
    Reset,
    /// Reading said end: it has read all, and closed.
    End,
}

impl Exchange {
    /// No exchange yet.
    pub fn idle(now: Instant) -> Self {
        Self {
            unit: None,
            conn: None,
            request: Vec::new(),
            sent: 0,
            intact: true,
            body: Body::new(Framing::None),
            upload: Upload::NEW,
            answer: None,
            dechunk: false,
            event_stream: false,
            head_only: false,
            lends: false,
            robot: false,
            upgrade: false,
            trailers: false,
            expects: false,
            last: false,
            keep_alive: true,
            version: Version::Http11,
            status: 0,
            interim: 0,
            tries: 0,
            words: Words::default(),
            by: By::Tenant,
            extra: None,
            client: IpAddr::from([0, 0, 0, 0]),
            arrived: now,
            dispatched: None,
            answered: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Ready for the next one. Small memory stays, the request's goes back.
    pub fn reset(&mut self, pool: &mut Pool) {
        pool.give(std::mem::take(&mut self.request));
        self.unit = None;
        self.conn = None;
        self.sent = 0;
        self.intact = true;
        self.body = Body::new(Framing::None);
        self.upload = Upload::NEW;
        self.answer = None;
        self.dechunk = false;
        self.event_stream = false;
        self.head_only = false;
        self.lends = false;
        self.robot = false;
        self.upgrade = false;
        self.trailers = false;
        self.expects = false;
        self.last = false;
        self.keep_alive = true;
        self.version = Version::Http11;
        self.status = 0;
        self.interim = 0;
        self.tries = 0;
        self.words.clear(pool);
        self.by = By::Tenant;
        self.clear_extra();
        self.dispatched = None;
        self.answered = None;
        self.bytes_in = 0;
        self.bytes_out = 0;
    }

    /// Bytes that still have to be sent.
    pub fn unsent(&self) -> usize {
        self.request.len() - self.sent
    }

    /// The whole request has been sent.
    pub fn is_sent(&self) -> bool {
        self.body.is_done() && self.unsent() == 0
    }

    /// The next word is the tenant's.
    pub fn awaits_tenant(&self) -> bool {
        self.is_sent() || (self.expects && self.interim == 0 && self.unsent() == 0)
    }

    /// More of the body may be read from the client.
    pub fn wants_body(&self) -> bool {
        !self.body.is_done() && self.unsent() < WINDOW
    }

    /// Longest time without a byte of a body; less where the client is too slow before.
    pub fn body_time(&self, limits: &Http, now: Instant) -> Duration {
        match self.wants_body() && limits.body_rate > 0 {
            true => self.upload.left(now).min(limits.timeout_body),
            false => limits.timeout_body,
        }
    }

    /// The body comes too slowly.
    pub fn is_slow(&self, limits: &Http, now: Instant) -> bool {
        self.wants_body() && limits.body_rate > 0 && self.upload.left(now).is_zero()
    }

    /// Drops what has been sent, once the request is too large to be sent again.
    pub fn slide(&mut self) {
        if self.request.len() > WINDOW {
            self.intact = false;
        }
        if !self.intact && self.sent > 0 {
            self.request.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// May the request be sent again? Only where it is proven that the tenant has not acted on it: on a unix socket
    /// `EPIPE` and `ECONNRESET` say that it did not read all that we sent (which may be less than all of it), and an
    /// application acts on whole requests. A connection to a port proves nothing unless nothing could be sent.
    ///
    /// What may have been acted on is repeated once, on a connection of its own, where that does no harm (RFC 9110 §9.2.2)
    /// and where the connection was `reused`: then the likely reason is that it was just being closed. A fresh one ends
    /// because of the request, which would do the same again.
    pub fn may_retry(&self, loss: Loss, unix: bool, reused: bool) -> bool {
        let untouched = match loss {
            Loss::Unwritable => unix || self.sent == 0,
            Loss::Reset => unix,
            Loss::End => false,
        };
        let repeatable = reused && self.tries <= 1 && self.is_idempotent();
        (untouched || repeatable) && self.intact && self.answer.is_none() && self.interim == 0 && self.tries < MAX_TRIES
    }

    /// To do it twice is to do it once (RFC 9110 §9.2.2; TRACE is never forwarded).
    fn is_idempotent(&self) -> bool {
        let method = self.words.line().split(|byte| *byte == b' ').next().unwrap_or_default();
        [&b"GET"[..], b"HEAD", b"PUT", b"DELETE", b"OPTIONS"].contains(&method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_provably_not_acted_on_is_sent_again() {
        let cases = [
            // loss, unix, sent, intact, may
            (Loss::Unwritable, true, 0, true, true),
            (Loss::Unwritable, false, 0, true, true),
            (Loss::Unwritable, true, 10, true, true),
            (Loss::Unwritable, false, 10, true, false),
            (Loss::Reset, true, 10, true, true),
            (Loss::Reset, false, 10, true, false),
            (Loss::Reset, true, 10, false, false),
            (Loss::End, true, 10, true, false),
            (Loss::End, false, 10, true, false),
        ];
        for (loss, unix, sent, intact, may) in cases {
            let mut exchange = Exchange::idle(Instant::now());
            exchange.request = vec![0; 10];
            exchange.sent = sent;
            exchange.intact = intact;
            exchange.words.keep(b"", &[b"POST /"], b"", &mut Pool::default());
            for reused in [false, true] {
                assert_eq!(
                    exchange.may_retry(loss, unix, reused),
                    may,
                    "{loss:?} unix={unix} sent={sent} intact={intact}"
                );
            }
            exchange.tries = MAX_TRIES;
            assert!(!exchange.may_retry(loss, unix, true));
        }
    }

    #[test]
    fn what_does_no_harm_twice_is_sent_twice_after_a_connection_that_may_have_been_stale() {
        for (method, reused, tries, intact, may) in [
            ("GET", true, 1, true, true),
            ("HEAD", true, 1, true, true),
            ("PUT", true, 1, true, true),
            ("DELETE", true, 1, true, true),
            ("OPTIONS", true, 1, true, true),
            ("POST", true, 1, true, false),
            ("PATCH", true, 1, true, false),
            ("get", true, 1, true, false),
            ("GETTER", true, 1, true, false),
            ("GET", false, 1, true, false),
            ("GET", true, 2, true, false),
            ("GET", true, 1, false, false),
        ] {
            let mut exchange = Exchange::idle(Instant::now());
            exchange.words.keep(b"", &[method.as_bytes(), b" / HTTP/1.1"], b"", &mut Pool::default());
            (exchange.sent, exchange.tries, exchange.intact) = (10, tries, intact);
            for (loss, unix) in [(Loss::End, true), (Loss::End, false), (Loss::Reset, false), (Loss::Unwritable, false)]
            {
                let case = format!("{method} {reused} {tries} {intact} {loss:?} {unix}");
                assert_eq!(exchange.may_retry(loss, unix, reused), may, "{case}");
            }
            exchange.interim = 1;
            assert!(!exchange.may_retry(Loss::End, true, reused), "{method}: an answer has begun");
        }
    }

    #[test]
    fn an_answer_that_has_begun_is_the_end_of_it() {
        let mut exchange = Exchange::idle(Instant::now());
        exchange.body = Body::new(Framing::Length(5));
        assert!(exchange.may_retry(Loss::Reset, true, false), "the rest of its body is still to come");
        exchange.interim = 1;
        assert!(!exchange.may_retry(Loss::Reset, true, false));
        exchange.interim = 0;
        exchange.answer = Some(Body::new(Framing::Length(5)));
        assert!(!exchange.may_retry(Loss::Reset, true, false));
    }

    #[test]
    fn a_large_body_slides_through_the_window() {
        let mut exchange = Exchange::idle(Instant::now());
        exchange.request = vec![0; WINDOW + 1];
        exchange.sent = WINDOW;
        exchange.slide();
        assert_eq!((exchange.unsent(), exchange.request.len(), exchange.intact), (1, 1, false));
    }
}
