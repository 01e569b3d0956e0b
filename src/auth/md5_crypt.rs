//! The MD5 of crypt(3) (`$1$`) and of Apache (`$apr1$`), by Poul-Henning Kamp; the two differ in that word alone.

use md5::{Digest, Md5};

/// Bytes of a salt that count.
pub(super) const MOST_SALT: usize = 8;
const ROUNDS: usize = 1000;

/// The sum as it is written behind the salt: 22 characters. `magic`: `$1$` or `$apr1$`.
pub(super) fn md5_crypt(magic: &[u8], salt: &[u8], password: &[u8]) -> [u8; 22] {
    let salt = &salt[..salt.len().min(MOST_SALT)];
    let mut sum = first(magic, salt, password);
    for round in 0..ROUNDS {
        let odd = round % 2 == 1;
        let mut md5 = Md5::new();
        md5.update(if odd { password } else { &sum[..] });
        if round % 3 != 0 {
            md5.update(salt);
        }
        if round % 7 != 0 {
            md5.update(password);
        }
        md5.update(if odd { &sum[..] } else { password });
        sum = md5.finalize().into();
    }
    written(&sum)
}

fn first(magic: &[u8], salt: &[u8], password: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize().into();
    let mut md5 = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    for piece in password.chunks(inner.len()) {
        md5.update(&inner[..piece.len()]);
    }
    let mut bits = password.len();
    while bits > 0 {
        // A slip of the first implementation, which all others repeat: a zero byte, or the first of the password.
        md5.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    md5.finalize().into()
}

/// crypt(3)'s own base 64: low bits first, three bytes in an order of their own.
fn written(sum: &[u8; 16]) -> [u8; 22] {
    const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let triples = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let words = triples.map(|three| three.iter().fold(0, |word, &at| word << 8 | u32::from(sum[at])));
    let words = words.into_iter().chain([u32::from(sum[11])]);
    let digits = words.flat_map(|word| (0..4).map(move |at| DIGITS[(word >> (6 * at)) as usize & 63]));
    let mut text = [0; 22];
    text.iter_mut().zip(digits).for_each(|(byte, digit)| *byte = digit);
    text
}
