//! What an Authorization field says (RFC 7617). Wiped when it is no longer needed.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Base 64, with or without its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A name and a password. The name has no white space around it, as people paste it with.
pub struct Credentials {
    bytes: Zeroizing<Vec<u8>>,
    colon: usize,
}

impl Credentials {
    /// Longest name and password together, in bytes: all schemes take time in proportion to it, some by its square.
    pub const MOST: usize = 512;

    /// Reads the field's value. `None` for another scheme, for what is no base 64 or has no colon, and for control characters,
    /// which no password has (RFC 7617 §2).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (scheme, rest) = value.split_at_checked(6)?;
        let text = rest.trim_ascii();
        if !scheme.eq_ignore_ascii_case(b"basic ") || text.len() > Self::MOST * 4 / 3 + 4 {
            return None;
        }
        let bytes = Zeroizing::new(LENIENT.decode(text).ok()?);
        let colon = bytes.iter().position(|byte| *byte == b':')?;
        let good = bytes.len() <= Self::MOST && !bytes.iter().any(u8::is_ascii_control);
        good.then_some(Self { bytes, colon })
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        self.bytes[..self.colon].trim_ascii()
    }

    /// The password, as it is.
    pub fn password(&self) -> &[u8] {
        &self.bytes[self.colon + 1..]
    }
}

/// Never a password in a log.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn basic(text: &[u8]) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn names_and_passwords() {
        for (text, name, password) in [
            (&b"anna:secret"[..], &b"anna"[..], &b"secret"[..]),
            (b"anna:a:b:", b"anna", b"a:b:"),
            (b" anna\xc3\xa9 : secret ", b"anna\xc3\xa9", b" secret "),
            (b"\xff:\xfe", b"\xff", b"\xfe"),
            (b":", b"", b""),
        ] {
            let read = Credentials::parse(&basic(text)).unwrap();
            assert_eq!((read.name(), read.password()), (name, password));
        }
        for value in [&b"basic YTpi"[..], b"BASIC  YTpi ", b"Basic YTpiYw", b"Basic YTpiYw=="] {
            assert_eq!(Credentials::parse(value).map(|read| read.name().to_owned()), Some(b"a".to_vec()));
        }
    }

    #[test]
    fn what_is_none() {
        for value in
            [&b""[..], b"Basic", b"Basic ", b"Basic !", b"Basic YWI=", b"Bearer YTpi", b"BasicYTpi", b"Basic YTpi YTpi"]
        {
            assert!(Credentials::parse(value).is_none(), "{}", value.escape_ascii());
        }
        for text in [&b"no colon"[..], b"a\n:b", b"a:b\0", b"a:\x7f"] {
            assert!(Credentials::parse(&basic(text)).is_none(), "{}", text.escape_ascii());
        }
        let long =
            |length: usize| Credentials::parse(&basic(&[&b"a:"[..], &vec![b'x'; length - 2]].concat())).is_some();
        assert!(long(Credentials::MOST) && !long(Credentials::MOST + 1) && !long(20_000));
    }

    #[test]
    fn nothing_is_told() {
        assert_eq!(format!("{:?}", Credentials::parse(b"Basic YTpi")), "Some(Credentials)");
    }
}
