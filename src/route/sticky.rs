//! `[sticky]`: with which machine a client stays, by a cookie that only our machines can write.

use std::fmt::Write;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::away::has_failed;
use super::cookie::cookie;
use super::never_wake::is_listed;
use super::replay::on_fly;
use super::{Away, Request, Target};
use crate::config::{Fallback, Machine, StickyKeys, Via};
use crate::http::Path;

/// The rule, with its key ready.
#[derive(Debug)]
pub(super) struct Sticky {
    config: crate::config::Sticky,
    key: Hmac<Sha256>,
    own: String,
    app: Option<String>,
    port: u16,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// It is answered here.
    Here,
    /// The same, and its client gets a cookie.
    Renew,
    /// Its machine is another.
    There(Away),
}

impl Sticky {
    /// `None`: there is no key, or we do not know who we are.
    pub fn new(config: &crate::config::Sticky, machine: &Machine, port: u16) -> Option<Self> {
        let key = Hmac::new_from_slice(config.secret.as_ref()?.bytes()).ok()?;
        Some(Self { config: config.clone(), key, own: machine.id.clone()?, app: machine.app.clone(), port })
    }

    /// With which machine the client of this request stays.
    pub fn judge(&self, request: &Request<'_>, path: &Path<'_>) -> Stay {
        let keys = &self.config.keys;
        if !keys.paths.is_empty() && !is_listed(&keys.paths, path.path()) {
            return Stay::Here;
        }
        let Some(machine) = cookie(&request.fields, &keys.name).and_then(|value| self.verified(value)) else {
            return Stay::Renew;
        };
        if machine == self.own {
            return Stay::Here;
        }
        // The machine is gone: the client is ours from now on.
        if has_failed(request) || (keys.via != Via::Replay && !keys.machines.iter().any(|known| known == machine)) {
            return Stay::Renew;
        }
        match Target::reach(&Arc::new(self.target(machine)), keys.via, request, path.query()) {
            None | Some(Away::Failed(_) | Away::Circle(_)) => Stay::Renew,
            Some(away) => Stay::There(away),
        }
    }

    /// The Set-Cookie field that binds a client to this machine.
    pub fn field(&self) -> String {
        let StickyKeys { name, max_age, path, secure, http_only, same_site, .. } = &self.config.keys;
        let value = self.signed(&self.own);
        let mut field =
            format!("{name}={value}; Path={path}; Max-Age={}; SameSite={}", max_age.as_secs(), same_site.word());
        for (wanted, word) in [(secure, "; Secure"), (http_only, "; HttpOnly")] {
            field.push_str(if *wanted { word } else { "" });
        }
        field
    }

    /// Every target that may be reached by us.
    pub fn targets(&self) -> Vec<Target> {
        let others = self.config.keys.machines.iter().filter(|machine| **machine != self.own);
        others.map(|machine| self.target(machine)).collect()
    }

    fn target(&self, machine: &str) -> Target {
        let known = self.config.keys.machines.iter().any(|known| known == machine);
        let fly = || self.app.as_ref().filter(|_| known).map(|app| on_fly(machine, app, self.port));
        Target {
            app: self.app.clone(),
            machine: Some(machine.to_owned()),
            status: 307,
            timeout: Some(super::fleet::TIMEOUT),
            fallback: Some(Fallback::ForceSelf),
            address: self.config.address(machine).or_else(fly),
            ..Target::default()
        }
    }

    fn mac(&self, machine: &str) -> Hmac<Sha256> {
        // The name too, so that no other cookie of the same key is taken for this one.
        self.key.clone().chain_update(&self.config.keys.name).chain_update([0]).chain_update(machine)
    }

    fn signed(&self, machine: &str) -> String {
        let mut value = format!("{machine}.");
        for byte in self.mac(machine).finalize().into_bytes() {
            // Writing to a String cannot fail.
            let _ = write!(value, "{byte:02x}");
        }
        value
    }

    /// The machine that a cookie names, if one of ours wrote it. In constant time.
    fn verified<'v>(&self, value: &'v [u8]) -> Option<&'v str> {
        let (machine, signature) = str::from_utf8(value).ok()?.rsplit_once('.')?;
        let signature = bytes(signature)?;
        self.mac(machine).verify_slice(&signature).ok().map(|()| machine)
    }
}

/// 32 bytes from 64 hexadecimal digits.
fn bytes(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, Sticky as Config};
    use crate::http::RequestHead;
    use proptest::prelude::*;

    fn sticky(own: &str, secret: &str, keys: StickyKeys) -> Sticky {
        let machine = Machine { id: Some(own.into()), region: None, app: Some("app".into()) };
        let config = Config { keys, secret: Some(Secret::new(secret).unwrap()) };
        Sticky::new(&config, &machine, 80).unwrap()
    }

    const SECRET: &str = "0123456789abcdef";

    fn judged(sticky: &Sticky, target: &str, fields: &str) -> Stay {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let head = RequestHead::parse(bytes.as_bytes()).unwrap().unwrap();
        let request = Request { trusted: true, ..Request::of(&head) };
        sticky.judge(&request, &Path::parse(head.target).unwrap())
    }

    #[test]
    fn a_client_stays_with_the_machine_of_its_cookie() {
        let (one, two) = (sticky("one", SECRET, StickyKeys::default()), sticky("two", SECRET, StickyKeys::default()));
        let other = sticky("one", "another secret, 16", StickyKeys::default());
        let given = |by: &Sticky| format!("Cookie: a=b; {}\r\n", by.field().split(';').next().unwrap());
        assert_eq!(judged(&one, "/", ""), Stay::Renew);
        assert_eq!(judged(&one, "/", &given(&one)), Stay::Here);
        let Stay::There(Away::Replay(target)) = judged(&one, "/", &given(&two)) else { panic!() };
        assert_eq!((target.machine.as_deref(), target.app.as_deref()), (Some("two"), Some("app")));
        // Gone, or been there already.
        for word in ["fly-replay-failed: x\r\n", "X-Navigator-Retry: machine\r\n", "X-Tenantd-Hop: one\r\n"] {
            assert_eq!(judged(&one, "/", &(given(&two) + word)), Stay::Renew, "{word}");
        }
        for wrong in [given(&other), given(&one).replace("one.", "two."), given(&one).replace("\r\n", "0\r\n")] {
            assert_eq!(judged(&one, "/", &wrong), Stay::Renew, "{wrong}");
        }
        for wrong in ["", ".", "one", "one.", "one.zz", "\u{e4}.00"] {
            assert_eq!(judged(&one, "/", &format!("Cookie: tenantd_machine={wrong}\r\n")), Stay::Renew, "{wrong}");
        }
    }

    #[test]
    fn only_machines_that_are_known_are_reached_by_us() {
        let keys = |machines: &[&str]| StickyKeys {
            via: Via::Proxy,
            target: Some("http://${machine}.internal:3000".into()),
            machines: machines.iter().map(ToString::to_string).collect(),
            ..StickyKeys::default()
        };
        let two = sticky("two", SECRET, keys(&["one", "two"]));
        let cookie = format!("Cookie: {}\r\n", two.field());
        let Stay::There(Away::Proxy(target)) = judged(&sticky("one", SECRET, keys(&["one", "two"])), "/", &cookie)
        else {
            panic!()
        };
        assert_eq!(target.address.as_deref(), Some("http://two.internal:3000"));
        assert_eq!(judged(&sticky("one", SECRET, keys(&["one"])), "/", &cookie), Stay::Renew);
    }

    #[test]
    fn the_field_says_what_the_keys_say_and_other_paths_have_none() {
        let keys = StickyKeys { secure: false, paths: vec!["/a/*".into()], ..StickyKeys::default() };
        let one = sticky("one", SECRET, keys);
        let field = one.field();
        assert!(field.starts_with("tenantd_machine=one."), "{field}");
        assert!(field.ends_with("; Path=/; Max-Age=86400; SameSite=Lax; HttpOnly"), "{field}");
        assert_eq!((judged(&one, "/b", ""), judged(&one, "/a/b", "")), (Stay::Here, Stay::Renew));
    }

    proptest! {
        #[test]
        fn nobody_else_writes_a_cookie(value in "[a-z]{0,4}\\.?[0-9a-f]{0,70}") {
            let one = sticky("one", SECRET, StickyKeys::default());
            prop_assert_eq!(one.verified(value.as_bytes()), None);
        }
    }
}
