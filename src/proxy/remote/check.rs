//! Health checks: a GET on a connection of its own every so often, which nobody waits for.

use std::time::Instant;

use super::super::{ConnKey, Proxy, RemoteKey};
use super::addresses::Known;
use super::target::Check;
use crate::http::ResponseHead;
use crate::wire::{Read, Write};

type Place = (RemoteKey, usize);

impl Proxy {
    /// The checks of all targets begin, now and from now on.
    pub(in super::super) fn begin_checks(&mut self) {
        let now = self.shared.now;
        for key in self.remotes.order.clone() {
            let due = self.remotes.all.get(key).is_some_and(|remote| remote.rule.keys.health_path.is_some());
            if due {
                self.set_chores(key, now);
            }
        }
    }

    /// Begins the checks that are due, and ends those that are late. When to look again.
    pub(super) fn check_all(&mut self, key: RemoteKey) -> Option<Instant> {
        let now = self.shared.now;
        let remote = self.remotes.all.get(key).filter(|remote| !remote.retired)?;
        remote.rule.keys.health_path.as_ref()?;
        for index in 0..remote.targets.len() {
            let Some(target) = self.remotes.all.get(key).and_then(|remote| remote.targets.get(index)) else { continue };
            match target.check {
                Some(check) if check.until <= now => self.check_failed((key, index), "no answer to its health check"),
                Some(_) => {}
                None if target.next_check.is_none_or(|due| due <= now) => self.begin_check((key, index)),
                None => {}
            }
        }
        let targets = &self.remotes.all.get(key)?.targets;
        targets.iter().filter_map(|target| target.check.map_or(target.next_check, |check| Some(check.until))).min()
    }

    fn begin_check(&mut self, at: Place) {
        let now = self.shared.now;
        let known = self.find(at.0, at.1);
        let Some(remote) = self.remotes.all.get_mut(at.0) else { return };
        let keys = &remote.rule.keys;
        let (until, next) = (now + keys.timeout_connect, now + keys.health_interval);
        let target = &mut remote.targets[at.1];
        target.next_check = Some(next);
        target.check = Some(Check { conn: None, until });
        match known {
            Known::Good | Known::Ageing => self.connect_check(at),
            Known::Missing | Known::Awaited => {}
            Known::Unknown => self.check_failed(at, "its name cannot be resolved"),
        }
    }

    /// The name of a target is known, or cannot be.
    pub(super) fn check_found(&mut self, at: Place, known: bool) {
        let waits = self.check(at).is_some_and(|check| check.conn.is_none());
        match known {
            true if waits => self.connect_check(at),
            false if waits => self.check_failed(at, "its name cannot be resolved"),
            _ => {}
        }
    }

    fn connect_check(&mut self, at: Place) {
        match self.connect_target(at.0, at.1, 0) {
            Ok(conn) => {
                if let Some(check) = self.check(at) {
                    check.conn = Some(conn);
                }
                // A unix socket stands at once, and has no edge to tell.
                if self.conns.get(conn).is_some_and(|conn| !conn.connecting) {
                    self.ask_health(conn, at);
                }
            }
            Err(error) => self.check_failed(at, &error.to_string()),
        }
    }

    fn check(&mut self, at: Place) -> Option<&mut Check> {
        self.remotes.all.get_mut(at.0)?.targets.get_mut(at.1)?.check.as_mut()
    }

    /// The connection of a check stands.
    pub(super) fn ask_health(&mut self, key: ConnKey, at: Place) {
        let Some(remote) = self.remotes.all.get(at.0) else { return };
        let Some(path) = &remote.rule.keys.health_path else { return };
        let host = &remote.rule.targets[at.1].authority;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tenantd\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        let Some(conn) = self.conns.get_mut(key) else { return };
        // A new connection has room for a head.
        if conn.wire.write(request.as_bytes(), &[]) != Write::Some(request.len()) {
            self.check_failed(at, "it does not read the request of its health check");
        }
    }

    /// The connection of a check has something to read. False if it is none.
    pub(super) fn check_ready(&mut self, key: ConnKey, at: Place) -> bool {
        if self.check(at).is_none_or(|check| check.conn != Some(key)) {
            return false;
        }
        let Some(conn) = self.conns.get_mut(key) else { return true };
        if conn.connecting {
            return true;
        }
        match conn.wire.read(&mut self.shared.scratch) {
            Read::Blocked => return true,
            Read::Some(count) => conn.input.push(&self.shared.scratch[..count], &mut self.shared.pool),
            Read::End | Read::Reset => {
                self.check_failed(at, "it closed the connection of its health check");
                return true;
            }
        }
        let status = match ResponseHead::parse(conn.input.bytes(), false) {
            Ok(None) => return true,
            Ok(Some(head)) => head.status,
            Err(_) => 0,
        };
        match status {
            200..400 => self.check_passed(at),
            0 => self.check_failed(at, "what it says to its health check is no answer"),
            _ => self.check_failed(at, &format!("its health check says {status}")),
        }
        true
    }

    fn check_passed(&mut self, at: Place) {
        if let Some(remote) = self.remotes.all.get_mut(at.0) {
            remote.answered(at.1);
        }
        self.end_check(at);
    }

    pub(super) fn check_failed(&mut self, at: Place, why: &str) {
        let now = self.shared.now;
        if let Some(remote) = self.remotes.all.get_mut(at.0) {
            remote.targets[at.1].addresses.doubt();
            remote.failed(at.1, why, now);
        }
        self.end_check(at);
    }

    fn end_check(&mut self, at: Place) {
        let Some(target) = self.remotes.all.get_mut(at.0).and_then(|remote| remote.targets.get_mut(at.1)) else {
            return;
        };
        let (check, next) = (target.check.take(), target.next_check);
        if let Some(mut conn) = check.and_then(|check| check.conn).and_then(|conn| self.conns.remove(conn)) {
            conn.input.clear(&mut self.shared.pool);
        }
        if let Some(next) = next {
            self.set_chores(at.0, next);
        }
    }
}
