//! PROXY headers, good and broken, in any pieces.

use proptest::prelude::*;

use crate::http::{Malformed, Preamble};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2.
fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &length, body].concat()
}

/// Client 192.0.2.7, server 198.51.100.1, and TLVs.
fn v4(tlvs: &[u8]) -> Vec<u8> {
    binary(0x21, 0x11, &[&[192, 0, 2, 7, 198, 51, 100, 1, 0xc8, 0x22, 1, 0xbb], tlvs].concat())
}

/// Client 2001:db8::7 and TLVs.
fn v6(tlvs: &[u8]) -> Vec<u8> {
    let client: std::net::Ipv6Addr = "2001:db8::7".parse().unwrap();
    binary(0x21, 0x21, &[&client.octets()[..], &[0; 20], tlvs].concat())
}

fn parse(bytes: &[u8]) -> Result<Option<Preamble>, Malformed> {
    Preamble::parse(bytes)
}

#[test]
fn headers() {
    let ssl = [0x20, 0, 5, 1, 0, 0, 0, 0];
    let unix = binary(0x21, 0x31, &[b'/'; 216]);
    let lines: [(&[u8], Option<&str>); 8] = [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n", Some("192.0.2.7")),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", Some("255.255.255.255")),
        (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n", Some("2001:db8::7")),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", Some("192.0.2.7")),
        (
            b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
            Some("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n", None),
        (b"PROXY UNKNOWN whatever\r\n", None),
    ];
    let binaries = [
        (v4(&[]), Some("192.0.2.7"), false),
        (v4(&ssl), Some("192.0.2.7"), true),
        (v4(&[0x20, 0, 1, 0]), Some("192.0.2.7"), false),
        (v4(&[&[4, 0, 0, 3, 0, 4, 1, 2, 3, 4][..], &ssl].concat()), Some("192.0.2.7"), true),
        (v4(&[&[4, 0x0f, 0x00][..], &[0; 0xf00]].concat()), Some("192.0.2.7"), false),
        (v6(&[]), Some("2001:db8::7"), false),
        (binary(0x20, 0x00, &[]), None, false),
        (binary(0x20, 0x11, &[1; 12]), None, false),
        (binary(0x21, 0x00, &[9; 30]), None, false),
        (binary(0x21, 0x12, &[1; 12]), None, false),
        (unix, None, false),
    ];
    let lines = lines.map(|(bytes, client)| (bytes.to_vec(), client, false));
    for (bytes, client, tls) in lines.into_iter().chain(binaries) {
        let expected = Preamble { client: client.map(|client| client.parse().unwrap()), tls, len: bytes.len() };
        let followed = [&bytes[..], b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(parse(&followed), Ok(Some(expected)), "{}", bytes.escape_ascii());
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Ok(None), "{end} of {}", bytes.escape_ascii());
        }
    }
}

#[test]
fn broken_headers() {
    let lines: [&[u8]; 22] = [
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\n",
        b"proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY\r\n",
        b"PROXY \r\n",
        b"PROXY TCP4\r\n",
        b"PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n",
        b"PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\n",
    ];
    let binaries = [
        binary(0x11, 0x11, &[0; 12]),
        binary(0x22, 0x11, &[0; 12]),
        binary(0x21, 0x41, &[0; 12]),
        binary(0x21, 0x13, &[0; 12]),
        binary(0x21, 0x11, &[0; 11]),
        binary(0x21, 0x21, &[0; 35]),
        v4(&[4]),
        v4(&[4, 0, 1]),
        v6(&[4, 0xff, 0xff, 0]),
        v4(&[0; 4097 - 28]),
    ];
    for bytes in lines.map(<[u8]>::to_vec).into_iter().chain(binaries) {
        assert!(parse(&bytes).is_err(), "{}", bytes.escape_ascii());
    }
    let long = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 91], b"\r\n".to_vec()].concat();
    assert_eq!(long.len(), 107);
    assert!(matches!(parse(&long), Ok(Some(_))));
    let longer = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 92], b"\r\n".to_vec()].concat();
    assert!(parse(&longer).is_err());
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_the_pieces(
        mut bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64).prop_map(|tlvs| v4(&tlvs)),
            Just(v4(&[0x20, 0, 1, 1])),
            Just(b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\nGET".to_vec()),
            Just(b"PROXY UNKNOWN x\r\n".to_vec()),
            "PROXY [ A-Z0-9:.]{0,110}(\r\n)?".prop_map(String::into_bytes),
        ],
        change in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        if let Some((index, byte)) = change {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let first = (0..=bytes.len()).map(|end| parse(&bytes[..end])).find(|verdict| *verdict != Ok(None));
        let whole = parse(&bytes);
        prop_assert_eq!(first.unwrap_or(Ok(None)).is_err(), whole.is_err());
        if let Ok(Some(preamble)) = whole {
            prop_assert!(preamble.len <= bytes.len());
            prop_assert_eq!(first, Some(whole));
        }
    }
}
