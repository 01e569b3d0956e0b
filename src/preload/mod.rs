//! What tenantd and a preloaded template process tell each other, and whether a tenant may be forked from it. Pure: the
//! sockets are `process::template`'s, the processes `init`'s.

use crate::unit::Engine;

mod message;
mod told;
mod verdict;

/// The script that a template of this engine runs.
pub fn script(engine: Engine) -> &'static str {
    match engine {
        Engine::Rails => include_str!("rails.rb"),
        Engine::Wsgi => include_str!("wsgi.py"),
    }
}

pub use message::{Boot, Fork, GO, MAX, Unsendable, User, VERSION};
pub use told::{FromChild, Malformed, Ready, decode_child, decode_template};
pub use verdict::{Because, Difference, is_fixed, verdict};

/// `text` as one line for logs and terminals: control characters become blanks, and what is longer than `most`
/// characters ends in `…`.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = plain.by_ref().take(most).collect();
    if plain.next().is_some() {
        line.push('…');
    }
    line
}
