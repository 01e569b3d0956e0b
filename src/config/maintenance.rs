//! `[maintenance]`: when people get a page in the place of every tenant, and which. Never reads it.

use std::path::PathBuf;
use std::time::Duration;

use crate::unit::section::section;
use crate::unit::value::positive;

section! {
    /// A page (503 with Retry-After) in the place of every tenant. Health checks, redirects, CGI programs, `[[proxy]]`
    /// and static files answer as always, and what is in flight ends. `tenantd maintenance on|off` does the same while
    /// tenantd runs, also for single tenants, and its word counts before this section.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Maintenance in "maintenance" (fields) {
        /// Maintenance is on; default false.
        enabled: bool = false;
        /// File with the page ("/rails/public/503.html"), at most 128 KiB; read each time it is shown. Who asks for
        /// JSON or plain text gets that. Default, and if it cannot be read: a page of ours, which asks again by itself.
        page: Option<PathBuf> = None;
        /// Maintenance is on until all that `wanted_by` "boot" and "ready" names has been started or, if it is a
        /// oneshot, has ended: for hooks without which no tenant can work. Else requests wait for their tenant. Default
        /// false.
        until_ready: bool = false;
        /// When to ask again: Retry-After, and the refresh of our page; default 5 s.
        retry_after: Duration as positive = Duration::from_secs(5);
    }
}
