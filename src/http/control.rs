//! The fields that steer a connection (Content-Length, Transfer-Encoding, Connection, Upgrade), gathered from one head.
//! Whatever two readers could understand differently is refused (RFC 9112 §6.3, §11.2).

use super::fields::list;
use super::framing::Version;
use super::refusal::Refusal;

/// Most bytes of all Connection fields: every field of a head is compared with every option.
const MAX_CONNECTION: usize = 512;

/// What the steering fields of one head say together.
#[derive(Default)]
pub(super) struct Control<'b> {
    /// Content-Length.
    pub length: Option<u64>,
    /// Transfer-Encoding: chunked.
    pub chunked: bool,
    /// Connection: close.
    pub close: bool,
    /// Connection: keep-alive.
    pub keep_alive: bool,
    /// Connection: upgrade.
    pub connection_upgrade: bool,
    /// Connection names other fields.
    pub nominates: bool,
    /// The only Upgrade field, if there is only one.
    pub upgrade: Option<&'b [u8]>,
    upgrades: usize,
    connection_len: usize,
}

impl<'b> Control<'b> {
    /// Takes note of a field; most are none of ours.
    pub fn note(&mut self, name: &str, value: &'b [u8]) -> Result<(), Refusal> {
        match name.len() {
            7 if name.eq_ignore_ascii_case("upgrade") => self.note_upgrade(value),
            10 if name.eq_ignore_ascii_case("connection") => return self.note_connection(value),
            14 if name.eq_ignore_ascii_case("content-length") => return self.note_length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => return self.note_transfer_encoding(value),
            _ => {}
        }
        Ok(())
    }

    /// The checks that need every field.
    pub fn check(&self, version: Version) -> Result<(), Refusal> {
        if self.chunked && self.length.is_some() {
            return Err(Refusal::bad("Content-Length beside Transfer-Encoding"));
        }
        if self.chunked && version == Version::Http10 {
            return Err(Refusal::bad("Transfer-Encoding in HTTP/1.0"));
        }
        Ok(())
    }

    /// RFC 9112 §9.3.
    pub fn persists(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    /// The one protocol that Upgrade asks for, or agrees to, where Connection says so (RFC 9110 §7.8); a list is not
    /// honoured, h2c never.
    pub fn protocol(&self) -> Option<&'b str> {
        let value = self.upgrade.filter(|_| self.connection_upgrade)?;
        let is_name = !value.is_empty() && value.iter().all(|&b| is_protocol(b));
        str::from_utf8(value).ok().filter(|name| is_name && !name.eq_ignore_ascii_case("h2c"))
    }

    fn note_upgrade(&mut self, value: &'b [u8]) {
        self.upgrades += 1;
        self.upgrade = (self.upgrades == 1).then_some(value);
    }

    fn note_connection(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.connection_len += value.len();
        if self.connection_len > MAX_CONNECTION {
            return Err(Refusal::bad("Connection too long"));
        }
        for option in list(value) {
            match option.len() {
                2 if option.eq_ignore_ascii_case(b"te") => {}
                5 if option.eq_ignore_ascii_case(b"close") => self.close = true,
                7 if option.eq_ignore_ascii_case(b"upgrade") => self.connection_upgrade = true,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ => self.nominates = true,
            }
        }
        Ok(())
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() {
            return Err(Refusal::bad("duplicate Content-Length"));
        }
        self.length = Some(decimal(value).ok_or(Refusal::bad("invalid Content-Length"))?);
        Ok(())
    }

    fn note_transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked {
            return Err(Refusal::bad("duplicate Transfer-Encoding"));
        }
        if value.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
            return Ok(());
        }
        if is_known_coding(value) {
            return Err(Refusal::new(501, "transfer coding not supported"));
        }
        Err(Refusal::bad("invalid Transfer-Encoding"))
    }
}

/// 1*DIGIT that fits in 64 bits; no sign, no list, at most 19 digits.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
}

/// One well-known coding other than chunked, alone or followed by `, chunked`: honest, but not ours to undo (501).
fn is_known_coding(value: &[u8]) -> bool {
    const KNOWN: [&[u8]; 6] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress", b"identity"];
    let mut elements = value.split(|&b| b == b',').map(<[u8]>::trim_ascii);
    let first = elements.next().is_some_and(|coding| KNOWN.iter().any(|known| coding.eq_ignore_ascii_case(known)));
    let second = elements.next().is_none_or(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    first && second && elements.next().is_none()
}

fn is_protocol(b: u8) -> bool {
    b == b'/' || is_tchar(b)
}

/// RFC 9110 §5.6.2.
pub(super) fn is_tchar(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}
