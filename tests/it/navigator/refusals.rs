//! What `tenantd check` says about a configuration that is refused.

use crate::harness::verb;
use crate::setup::{Setup, free_address};

/// All that is said; the test fails unless it is refused.
#[track_caller]
pub fn refused(setup: Setup) -> String {
    setup.write(free_address());
    let ran = verb(setup.path(), &["check"]).expect(78);
    ran.stdout + &ran.stderr
}
