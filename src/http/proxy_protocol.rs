//! The header that a balancer writes before a client's bytes (HAProxy's PROXY protocol, versions 1 and 2): whose connection
//! it is. Only for connections that must begin with it: it is never guessed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::chunked::Malformed;

/// Longest line of version 1, its CRLF included.
const MAX_LINE: usize = 107;
/// Begins every header of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 2 before the addresses: the signature, version and command, family, length.
const FIXED: usize = 16;
/// Longest header of version 2, addresses and TLVs included; balancers write some hundred bytes.
const MAX: usize = 4096;
/// The TLV that tells how the client spoke TLS, and its bit for "it did".
const TLV_SSL: u8 = 0x20;
const CLIENT_SSL: u8 = 0x01;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preamble {
    /// The client's address; `None`: the balancer speaks for itself (a health check), or cannot tell.
    pub client: Option<IpAddr>,
    /// The client spoke TLS with the balancer (version 2 only).
    pub tls: bool,
    /// Bytes of the header; the client's first byte is behind them.
    pub len: usize,
}

impl Preamble {
    /// Reads the header at the start of `bytes`. `None`: more bytes are needed. The answer does not depend on how the bytes
    /// arrive.
    pub fn parse(bytes: &[u8]) -> Result<Option<Preamble>, Malformed> {
        match bytes.first() {
            None => Ok(None),
            Some(b'P') => parse_line(bytes),
            Some(_) => parse_binary(bytes),
        }
    }
}

fn parse_line(bytes: &[u8]) -> Result<Option<Preamble>, Malformed> {
    begins_with(bytes, b"PROXY ")?;
    let window = &bytes[..bytes.len().min(MAX_LINE)];
    let Some(lf) = memchr::memchr(b'\n', window) else {
        return if window.len() == MAX_LINE { Err(Malformed("PROXY line too long")) } else { Ok(None) };
    };
    let line = window[..lf].strip_suffix(b"\r").ok_or(Malformed("bare LF in the PROXY line"))?;
    let line = str::from_utf8(line).map_err(|_| Malformed("invalid PROXY line"))?;
    let client = client_of_line(line).ok_or(Malformed("invalid PROXY line"))?;
    Ok(Some(Preamble { client, tls: false, len: lf + 1 }))
}

/// `PROXY TCP4 192.0.2.7 198.51.100.1 51234 443`; `None` if it is not well formed. Behind UNKNOWN may be anything.
fn client_of_line(line: &str) -> Option<Option<IpAddr>> {
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let mut address = || match family {
        "TCP4" => words.next()?.parse().ok().map(IpAddr::V4),
        "TCP6" => words.next()?.parse().ok().map(IpAddr::V6),
        _ => None,
    };
    let (client, _server) = (address()?, address()?);
    (is_port(words.next()?) && is_port(words.next()?) && words.next().is_none()).then_some(Some(client.to_canonical()))
}

/// 0 to 65535, as printf writes it.
fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0')) && text.parse::<u16>().is_ok()
}

fn parse_binary(bytes: &[u8]) -> Result<Option<Preamble>, Malformed> {
    begins_with(bytes, SIGNATURE)?;
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else { return Ok(None) };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX - FIXED {
        return Err(Malformed("PROXY header too large"));
    }
    if !matches!(command, 0x20 | 0x21) || family >> 4 > 3 || family & 15 > 2 {
        return Err(Malformed("unknown PROXY command or family"));
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let len = FIXED + length;
    if command == 0x20 {
        return Ok(Some(Preamble { client: None, tls: false, len }));
    }
    let short = Malformed("PROXY header too short");
    let (client, tlvs) = match family {
        // Client, server (each 4 or 16 bytes), and their ports.
        0x11 => {
            let (client, rest) = body.split_first_chunk::<4>().ok_or(short)?;
            (Some(IpAddr::from(Ipv4Addr::from(*client))), rest.get(4 + 4..).ok_or(short)?)
        }
        0x21 => {
            let (client, rest) = body.split_first_chunk::<16>().ok_or(short)?;
            (Some(IpAddr::from(Ipv6Addr::from(*client)).to_canonical()), rest.get(16 + 4..).ok_or(short)?)
        }
        // A unix socket, a datagram, or nothing: no address of ours.
        _ => return Ok(Some(Preamble { client: None, tls: false, len })),
    };
    Ok(Some(Preamble { client, tls: says_tls(tlvs)?, len }))
}

/// Walks the TLVs: a type, a length of two bytes, a value.
fn says_tls(mut tlvs: &[u8]) -> Result<bool, Malformed> {
    let mut tls = false;
    while !tlvs.is_empty() {
        let broken = Malformed("broken TLV in the PROXY header");
        let (&[kind, high, low], rest) = tlvs.split_first_chunk::<3>().ok_or(broken)?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low]))).ok_or(broken)?;
        tls |= kind == TLV_SSL && value.first().is_some_and(|bits| bits & CLIENT_SSL != 0);
        tlvs = rest;
    }
    Ok(tls)
}

/// As far as there are bytes.
fn begins_with(bytes: &[u8], opening: &[u8]) -> Result<(), Malformed> {
    let known = bytes.len().min(opening.len());
    if bytes[..known] == opening[..known] { Ok(()) } else { Err(Malformed("no PROXY header")) }
}
