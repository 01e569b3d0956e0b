//! One password as a file of names keeps it: which of the schemes it is, and whether a password is the one. Takes time: a
//! bcrypt of the usual cost some 50 ms, and that is its purpose.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha_crypt::{PasswordVerifier, ShaCrypt};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use super::md5_crypt::{MOST_SALT, md5_crypt};

/// A password's hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(Scheme);

#[derive(Clone, PartialEq, Eq)]
enum Scheme {
    /// `$2y$`: the whole text.
    Bcrypt(Box<str>),
    /// `$apr1$` or `$1$`, salt and sum as written.
    Md5 { magic: &'static str, salt: Box<str>, sum: [u8; 22] },
    /// `$5$` or `$6$`: the whole text.
    ShaCrypt(Box<str>),
    /// `{SHA}` and, with a salt, `{SSHA}`.
    Sha1 { sum: [u8; 20], salt: Box<[u8]> },
    /// No hash at all.
    Plain(Box<[u8]>),
}

/// The dearest that is computed: a bcrypt of some 4 s, and about as long a SHA-crypt. One of cost 31 would take a day.
const MOST_COST: u32 = 16;
const MOST_ROUNDS: u32 = 5_000_000;

impl Hash {
    /// What stands behind the name. `plain`: what is no hash is the password itself. The error says what to do.
    pub fn parse(text: &str, plain: bool) -> Result<Self, &'static str> {
        let after = |magic| text.strip_prefix(magic);
        if text.starts_with("$2") {
            return bcrypt(text);
        }
        if let Some(rest) = after("$apr1$") {
            return md5("$apr1$", rest);
        }
        if let Some(rest) = after("$1$") {
            return md5("$1$", rest);
        }
        if let Some(rest) = after("$5$").or_else(|| after("$6$")) {
            return sha_crypt(text, rest);
        }
        if let Some(rest) = after("{SHA}") {
            return sha(rest, 20..=20);
        }
        if let Some(rest) = after("{SSHA}") {
            return sha(rest, 21..=256);
        }
        match text {
            "" => Err("no password"),
            _ if text.starts_with(['$', '{']) => Err("an unknown kind of hash; make it anew with htpasswd -B"),
            _ if plain => Ok(Self(Scheme::Plain(text.as_bytes().into()))),
            _ if is_des(text) => Err("a hash of crypt(3)'s DES, which protects nothing; make it anew with htpasswd -B"),
            _ => Err("no hash; make one with htpasswd -B, or set plain = true if it is the password itself"),
        }
    }

    /// Whether this is the password. Takes the same time for every wrong one of the same length.
    pub fn is_of(&self, password: &[u8]) -> bool {
        match &self.0 {
            Scheme::Bcrypt(text) => bcrypt::verify(password, text).unwrap_or(false),
            Scheme::Md5 { magic, salt, sum } => {
                md5_crypt(magic.as_bytes(), salt.as_bytes(), password).ct_eq(sum).into()
            }
            Scheme::ShaCrypt(text) => ShaCrypt::default().verify_password(password, &**text).is_ok(),
            Scheme::Sha1 { sum, salt } => {
                let found: [u8; 20] = Sha1::new().chain_update(password).chain_update(salt).finalize().into();
                found.ct_eq(sum).into()
            }
            Scheme::Plain(own) => own.ct_eq(password).into(),
        }
    }
}

fn bcrypt(text: &str) -> Result<Hash, &'static str> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| "no whole bcrypt; make it anew with htpasswd -B")?;
    match parts.get_cost() {
        4..=MOST_COST => Ok(Hash(Scheme::Bcrypt(text.into()))),
        _ => Err("a bcrypt of a cost that is not from 4 to 16; make it anew with htpasswd -B -C 10"),
    }
}

fn md5(magic: &'static str, rest: &str) -> Result<Hash, &'static str> {
    const BROKEN: &str = "no whole MD5 hash; make it anew with htpasswd -B";
    let (salt, sum) = rest.split_once('$').ok_or(BROKEN)?;
    let sum = sum.as_bytes().try_into().map_err(|_| BROKEN)?;
    if salt.len() > MOST_SALT {
        return Err(BROKEN);
    }
    Ok(Hash(Scheme::Md5 { magic, salt: salt.into(), sum }))
}

fn sha_crypt(text: &str, rest: &str) -> Result<Hash, &'static str> {
    const BROKEN: &str = "no whole SHA-crypt; make it anew with htpasswd -B";
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        Some(rest) => rest.split_once('$').ok_or(BROKEN)?,
        None => ("5000", rest),
    };
    let (salt, sum) = rest.split_once('$').ok_or(BROKEN)?;
    let digit = |b: u8| b.is_ascii_alphanumeric() || b"./".contains(&b);
    let length = if text.starts_with("$5") { 43 } else { 86 };
    if salt.is_empty() || salt.len() > 16 || sum.len() != length || !salt.bytes().chain(sum.bytes()).all(digit) {
        return Err(BROKEN);
    }
    match rounds.parse() {
        Ok(1000..=MOST_ROUNDS) => Ok(Hash(Scheme::ShaCrypt(text.into()))),
        _ => Err("a SHA-crypt of less than 1000 or more than 5000000 rounds; make it anew with htpasswd -B"),
    }
}

fn sha(text: &str, length: std::ops::RangeInclusive<usize>) -> Result<Hash, &'static str> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| length.contains(&bytes.len()));
    let split = bytes.as_deref().and_then(|bytes| bytes.split_first_chunk::<20>());
    let (sum, salt) = split.ok_or("no whole SHA-1; make it anew with htpasswd -B")?;
    Ok(Hash(Scheme::Sha1 { sum: *sum, salt: salt.into() }))
}

/// Thirteen characters of crypt(3)'s alphabet.
fn is_des(text: &str) -> bool {
    text.len() == 13 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b))
}

/// Never a hash in a log.
impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "pässwörd with : and a long long tail beyond sixteen and sixty four bytes, really";

    /// Made by `openssl passwd`, `openssl dgst` and crypt(3) of libxcrypt.
    const MADE: &[(&str, &str)] = &[
        ("secret", "$1$saltsalt$9xy1btjgzLYfb7hivXtC//"),
        (LONG, "$1$ab$5N9A3k.uy4Jyg9NLmz51P/"),
        ("", "$1$saltsalt$5Jhcit4zN9UlGiA0txPkO0"),
        ("secret", "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0"),
        (LONG, "$apr1$ab$3u9lbJcBGGm1hT/HVohmh."),
        ("", "$apr1$saltsalt$a8ml/vK5HEjiZ5oypDWA7/"),
        ("secret", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"),
        (LONG, "$5$ab$rfW7yc2pucZpT1PD9UIijZiQof86Vh8NLVtdkCw554C"),
        (
            "secret",
            "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
        ),
        (LONG, "$6$ab$xJLw2JGGal/cKzVcaPfmyC0j8JYM7V7RoSaE3j6jvpPJcYM5eFrjKb4aD2Cee4yk7SX0FaQuyVbVfGI8C6Biz0"),
        (
            "secret",
            "$6$rounds=1500$saltsalt$34Syr0FSbWlp9hNFif0BNSVHRPxwiPh79DU920TQC0DoAPilRd9UG4mVZjASSDEENmIuJl1xJneHoAcjNgCp00",
        ),
        ("secret", "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"),
        ("päss", "$2y$05$abcdefghijklmnopqrstuuQNr.NUko7cjRuTOhPz.WP0eA4f4.Xuq"),
        ("secret", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"),
        ("secret", "$2a$06$abcdefghijklmnopqrstuuxLa0AkDDSrQ9VwNnETzOsObiucpMYgC"),
        ("secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
        ("secret", "{SSHA}+peAPwH7og7bRdqLIyCCVNKugb1TQUxUc2FsdA=="),
    ];

    #[test]
    fn every_scheme_knows_its_password_and_no_other() {
        for &(password, text) in MADE {
            let hash = Hash::parse(text, false).unwrap();
            assert!(hash.is_of(password.as_bytes()), "{text}");
            for wrong in ["Secret", "secret ", "secre", "\0", "x"] {
                assert!(!hash.is_of(wrong.as_bytes()), "{text} {wrong:?}");
            }
            // The last character, or the one before its padding, changes the sum.
            let at = text.trim_end_matches('=').len() - 2;
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let other = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            let is = Hash::parse(&other, false).is_ok_and(|hash| hash.is_of(password.as_bytes()));
            assert!(!is || text.starts_with("{SSHA}"), "{other}");
        }
    }

    #[test]
    fn what_is_refused_says_why() {
        for (text, why) in [
            ("", "no password"),
            ("secret", "plain = true"),
            ("abNANd1rDfiNc", "DES"),
            ("$y$j9T$abc$def", "unknown kind"),
            ("{MD5}abc", "unknown kind"),
            ("$2y$05$abc", "no whole bcrypt"),
            ("$2y$31$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "from 4 to 16"),
            ("$apr1$saltsalt$short", "no whole MD5"),
            ("$apr1$saltsalt", "no whole MD5"),
            ("$5$saltsalt$short", "no whole SHA-crypt"),
            ("$5$rounds=1$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", "rounds"),
            ("$5$rounds=999999999$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", "rounds"),
            ("{SHA}", "no whole SHA-1"),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/", "no whole SHA-1"),
            ("{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "no whole SHA-1"),
        ] {
            let refused = Hash::parse(text, false);
            assert!(refused.as_ref().is_err_and(|error| error.contains(why)), "{text}: {refused:?}");
        }
    }

    #[test]
    fn plain_text_counts_where_it_is_asked_for_and_a_hash_is_never_a_password() {
        for text in ["secret", "abNANd1rDfiNc"] {
            let hash = Hash::parse(text, true).unwrap();
            assert!(hash.is_of(text.as_bytes()) && !hash.is_of(b"secre") && !hash.is_of(b""));
        }
        for text in ["$y$j9T$abc$def", "{MD5}abc", "$apr1$short", ""] {
            assert!(Hash::parse(text, true).is_err(), "{text}");
        }
    }
}
