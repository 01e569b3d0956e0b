//! How a new job merges with the one that a unit has (systemd.unit(5), `job_type_lookup_merge`). A table, nothing else.

use super::event::JobKind;

/// What becomes of a new job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// It ends with the old one, which does all that it wants.
    Join,
    /// Both become one job of the new kind, from its beginning.
    Become,
    /// The old one is canceled.
    Replace,
    /// It follows the old one.
    Then,
    /// It is done at once.
    Done,
    /// It is refused.
    Invalid,
}

/// What becomes of `new` on a unit that has the job `old`.
///
/// A restart becomes a start when its stop is over. A reload is no party to a stop: systemd cancels the stop and then refuses
/// the reload, here the stop goes on. A program that is starting, or reloading, may have read its files already: a reload
/// follows it.
#[rustfmt::skip]
pub(super) fn merge(old: JobKind, new: JobKind) -> Merge {
    use JobKind::{Reload, Restart, Start, Stop};
    match (old, new) {
        (Start | Restart, Start) | (Stop, Stop) | (Restart, Restart | Reload) => Merge::Join,
        (Start | Reload, Restart)                                            => Merge::Become,
        (Stop, Start | Restart) | (Start | Restart | Reload, Stop)           => Merge::Replace,
        (Start | Reload, Reload)                                             => Merge::Then,
        (Reload, Start)                                                      => Merge::Done,
        (Stop, Reload)                                                       => Merge::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T82: every pairing.
    #[test]
    fn t82_every_pairing_of_jobs() {
        use JobKind::{Reload, Restart, Start, Stop};
        use Merge::{Become, Done, Invalid, Join, Replace, Then};
        let table = [
            (Start, [Join, Replace, Become, Then]),
            (Stop, [Replace, Join, Replace, Invalid]),
            (Restart, [Join, Replace, Join, Join]),
            (Reload, [Done, Replace, Become, Then]),
        ];
        for (old, row) in table {
            for (new, expected) in [Start, Stop, Restart, Reload].into_iter().zip(row) {
                assert_eq!(merge(old, new), expected, "{old:?} then {new:?}");
            }
        }
    }
}
