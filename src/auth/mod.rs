//! Names and passwords as values: the file that holds them, and whether a password is the right one. Never reads a file,
//! never decides who has to say one (that is [`crate::route::Guard`]).

mod credentials;
mod hash;
mod htpasswd;
mod md5_crypt;

pub use credentials::Credentials;
pub use hash::Hash;
pub use htpasswd::{Fault, Users};
