//! `[bots]`: what robots get. Never sees one.

use super::Expression;
use crate::unit::BotAction;
use crate::unit::section::section;

section! {
    /// What a robot gets that crawls, and says so in its User-Agent: search engines, SEO and AI crawlers, archivers,
    /// scanners, previews of links, browsers without a head. Tools that somebody uses (curl, libraries, webhooks, feed
    /// readers) are none. A robot that lies is not found: see `[[limit]]`. `/robots.txt` is for all of them. After
    /// redirects and rewrites, before all that answers. A tenant may have its own: `[route] bots`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Bots in "bots" (fields) {
        /// "off" (the default): what everybody gets. "reject": 403, and no tenant is started. "static-only": files, and 403
        /// in the place of tenants, scripts and proxies. "ignore": as "off", for a tenant that is open while others are not.
        action: BotAction = BotAction::Off;
        /// More User-Agents that are robots, as regular expressions without regard to case, which match anywhere:
        /// "^curl/". Default: none.
        agents: Vec<Expression> = Vec::new();
    }
}
