//! Answers that are files, as values: the name behind a path, what a client asks of a file, the head that goes before it.
//! Never a descriptor.

mod coding;
mod condition;
mod head;
mod lent;
mod media;
mod name;
mod range;
mod tag;
#[cfg(test)]
mod tests;

pub use coding::{Accepts, Coding};
pub use condition::{Validators, Verdict, judge};
pub use head::{FileHead, put_file_head};
pub use lent::{Lent, Order, put_lent_head};
pub use media::{Media, media};
pub use name::{accel_name, directory_name, file_name, sent_name};
pub use tag::{Facts, Tag};
