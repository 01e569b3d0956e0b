//! The way of a request past the guard: on, or an answer, or a wait and then once more from its head.

use std::time::Duration;

use super::super::client::Phase;
use super::super::extra::By;
use super::super::{ClientKey, Proxy};
use super::{Entry, Knock};
use crate::http::{Fields, Path, RequestHead};
use crate::route::{Access, Subject};

/// When to ask again after a lack of ours.
const SOON: Duration = Duration::from_secs(1);
/// The same where somebody has to see to it.
const LATER: Duration = Duration::from_secs(5);

impl Proxy {
    /// Whether a request may see this path. If not, it was answered, or waits in [`Phase::Auth`] and its head is read again.
    pub(in crate::proxy) fn lets_in(&mut self, key: ClientKey, head: &RequestHead<'_>, path: &Path<'_>) -> bool {
        let Access::Locked(realm) = self.front.access(head.host, path) else { return true };
        let Some(client) = self.clients.get_mut(key) else { return false };
        let exchange = &mut client.exchange;
        let from = Subject::client(exchange.client);
        let value = said(&head.fields);
        let entry = value.map_or(Entry::Asked, |value| {
            self.auth.enter(Knock { key, from, value, now: self.shared.now }, realm.file)
        });
        let (status, detail, retry) = match entry {
            // A path that was rewritten is asked for a second time.
            Entry::Known(_) if exchange.noted().contains(" user=") => return true,
            Entry::Known(name) => {
                exchange.note("user", &name);
                exchange.know(&name);
                return true;
            }
            Entry::Waits => {
                client.phase = Phase::Auth;
                self.set_alarm(key, self.shared.limits.timeout_response);
                return false;
            }
            Entry::Asked => {
                exchange.add_field("WWW-Authenticate", challenge(realm.name).as_bytes());
                (401, "a name and a password are needed", None)
            }
            Entry::Shut => (503, "names and passwords cannot be looked up at the moment", Some(LATER)),
            Entry::Slow(wait) => (429, "too many wrong passwords; please wait a moment", Some(wait)),
            Entry::Busy => (503, "too many passwords are being looked at", Some(SOON)),
        };
        exchange.by = By::Auth;
        self.answer(key, status, detail, retry);
        false
    }

    /// The threads have answers: whoever waits for them is read again.
    pub(in crate::proxy) fn recognize(&mut self) {
        for key in self.auth.answers(self.shared.now) {
            let Some(client) = self.clients.get_mut(key).filter(|client| client.phase == Phase::Auth) else { continue };
            client.phase = Phase::Head;
            client.fresh = true;
            self.later(key);
        }
    }

    /// No answer of a thread came in time.
    pub(in crate::proxy) fn auth_due(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.exchange.keep_alive = false;
        client.exchange.by = By::Auth;
        self.answer(key, 503, "the password was not looked at in time", Some(LATER));
        self.advance(key);
    }
}

/// The one Authorization field. Of two, others might believe the other one.
fn said<'f>(fields: &Fields<'f>) -> Option<&'f [u8]> {
    let mut all = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("authorization"));
    all.next().map(|field| field.value).filter(|_| all.next().is_none())
}

/// RFC 7617 §2. The configuration holds printable ASCII only.
fn challenge(realm: &str) -> String {
    let escaped = realm.replace('\\', "\\\\").replace('"', "\\\"");
    format!("Basic realm=\"{escaped}\", charset=\"UTF-8\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_realm() {
        assert_eq!(challenge("The Club"), r#"Basic realm="The Club", charset="UTF-8""#);
        assert_eq!(challenge(r#"a"\"#), r#"Basic realm="a\"\\", charset="UTF-8""#);
    }
}
