//! How somebody read a request: what may not differ between two readers of the same bytes.

use std::fmt;

use tenantd::http::Path;

use crate::targets::strict;

/// Method, target, body and host, the long ones as length and CRC-32, as `X-Read` says them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reading(String);

impl Reading {
    /// Our own. A target is the same in all its forms: tenantd forwards the canonical one, the others what was sent.
    pub fn of(request: &strict::Message) -> Self {
        let path = Path::parse(request.target());
        let target = path.as_ref().map_or(request.target(), Path::target).as_bytes();
        let method = request.method();
        let host = request.field("host").unwrap_or_default().to_ascii_lowercase();
        let (target_crc, body_crc, host_crc) = (crc32(target), crc32(&request.body), crc32(&host));
        Self(format!("{method} {}:{target_crc:08x} {}:{body_crc:08x} {host_crc:08x}", target.len(), request.body.len()))
    }

    /// Of what a strict reader refuses.
    pub fn broken() -> Self {
        Self("broken".into())
    }

    /// A strict reader refuses it.
    pub fn is_broken(&self) -> bool {
        self.0 == "broken"
    }

    /// Those of all answers in `bytes`.
    pub fn all(bytes: &[u8]) -> Vec<Self> {
        let text = String::from_utf8_lossy(bytes);
        let values = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("x-read").then(|| Self(value.trim().to_owned()))
        });
        values.collect()
    }

    /// The same without the host, which two proxies may choose differently.
    pub fn without_host(&self) -> &str {
        self.0.rsplit_once(' ').map_or("", |(rest, _)| rest)
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As Ruby's Zlib.crc32.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[test]
fn the_checksum_is_the_usual_one() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}
