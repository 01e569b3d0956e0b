//! Which requests are a robot's, and what it gets. Pure; only what User-Agent says counts.

use regex::bytes::{RegexSet, RegexSetBuilder};
use slotmap::SecondaryMap;

use super::front::Request;
use crate::config::Bots;
use crate::http::Path;
use crate::unit::{BotAction, UnitId};

/// Those that crawl on their own, by what they call themselves; without regard to case. Most say bot, crawler or spider. The
/// others are the ones of the list that `crawler-user-agents` keeps (MIT) that neither work for somebody at that moment (HTTP
/// libraries, monitors, webhooks, feed readers) nor are seldom seen. To look at all of it takes half a microsecond.
const AGENTS: [&str; 22] = [
    // Not the telephones of Cubot.
    r"(?:^|[^u]|[^c]u)bots?(?:[^a-z]|$)",
    r"bot-|\brobot",
    r"crawl|spider|slurp|scrap[ey]|scrapy",
    r"archive\.org|archiver|ia_archiver|heritrix|httrack|nutch",
    r"mediapartners-google|googleother|google-(?:extended|inspectiontool|read-aloud|cloudvertex|safety|adwords|site-ver)",
    r"feedfetcher-google|google web preview|google favicon|apis-google|bingpreview|yandex(?:images|video|media|\.com)",
    r"baidu|sogou|daum|naver\.me|yeti/|qwantify|duckduckgo-favicons|ecosia|seznam",
    // Previews of links.
    r"facebookexternalhit|facebookcatalog|meta-external|skypeuripreview|embedly|iframely|whatsapp/",
    r"pinterest/|flipboardproxy|nuzzel|vkshare|snap url preview|redditbot",
    // Those that learn.
    r"chatgpt-user|oai-search|claude-(?:web|user|search)|anthropic-ai|perplexity-user|cohere-(?:ai|training)",
    r"ccbot|diffbot|omgili|timpibot|mistralai|meltwater|quillbot|friendlycrawler",
    // Those that measure the web.
    r"semrush|ahrefs|mj12|dataforseo|dotbot|blexbot|megaindex|linkdex|seokicks|serpstat|sistrix|screaming frog|moz\.com",
    r"siteimprove|deadlinkchecker|linkcheck|xenu link|w3c-checklink|netcraftsurvey|builtwith|wappalyzer|dataprovider",
    // Those that look for holes.
    r"zgrab|masscan|nmap|nikto|nuclei|sqlmap|acunetix|netsparker|openvas|wpscan|dirbuster|gobuster|ffuf|zmeu",
    r"censys|expanse, a palo|internetmeasurement|internet-measurement|l9explore|leakix|netsystemsresearch|odin\.io|shodan",
    // Browsers without anybody before them.
    r"headless|phantomjs|puppeteer|playwright|selenium|electron/.*prerender|prerender",
    r"chrome-lighthouse|pagespeed|gtmetrix|ptst/|dareboost|speedcurve",
    r"adsbot|adbeat|admantx|proximic|grapeshot|peer39|comscore|outbrain|taboola",
    r"turnitin|copyscape|plagiar|iparadigms|ips-agent",
    r"panscient|gigablast|coccoc|exabot|findx|ichiro|mojeek|petalsearch|wesee:search|zum\.com",
    r"trendsmap|twingly|hatena|postrank|metauri|bitlybot|unshort",
    r"petal|byte ?dance|tiktokspider|aspiegel|grub\.org|larbin|libwww-perl.*check",
];

/// What robots get, of whom.
#[derive(Debug, Default)]
pub(super) struct Turnstile {
    common: BotAction,
    own: SecondaryMap<UnitId, BotAction>,
    agents: Option<RegexSet>,
}

impl Turnstile {
    /// These rules from now on; those of tenants stay.
    pub fn configure(&mut self, bots: &Bots) {
        self.common = bots.action;
        self.agents = compile(bots.agents.iter().map(|agent| agent.as_str()));
    }

    /// A tenant's own action.
    pub fn insert(&mut self, action: Option<BotAction>, unit: UnitId) {
        match action {
            Some(action) => self.own.insert(unit, action),
            None => self.own.remove(unit),
        };
    }

    /// The tenant is no more.
    pub fn remove(&mut self, unit: UnitId) {
        self.own.remove(unit);
    }

    /// What a robot gets; `Off` for all others. `unit`: the tenant of the path, asked for only if that matters.
    pub fn action(&self, request: &Request<'_>, path: &Path<'_>, unit: impl FnOnce() -> Option<UnitId>) -> BotAction {
        let matters = |action: BotAction| matches!(action, BotAction::Reject | BotAction::StaticOnly);
        if !matters(self.common) && self.own.is_empty() {
            return BotAction::Off;
        }
        let own = if self.own.is_empty() { None } else { unit().and_then(|unit| self.own.get(unit)) };
        let action = own.copied().unwrap_or(self.common);
        if matters(action) && !path.plain().ends_with(b"/robots.txt") && self.is_bot(request) {
            action
        } else {
            BotAction::Off
        }
    }

    fn is_bot(&self, request: &Request<'_>) -> bool {
        let agent = request.fields.find("user-agent").unwrap_or_default();
        self.agents.as_ref().is_some_and(|agents| agents.is_match(agent))
    }
}

/// Our list and more; if together they are too large, ours alone.
fn compile<'a>(more: impl Iterator<Item = &'a str>) -> Option<RegexSet> {
    const MOST: usize = 8 << 20;
    let build = |all: Vec<&str>| {
        let mut builder = RegexSetBuilder::new(all);
        builder.unicode(false).case_insensitive(true).size_limit(MOST).dfa_size_limit(MOST).build().ok()
    };
    build(AGENTS.into_iter().chain(more).collect()).or_else(|| build(AGENTS.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::RequestHead;

    fn action(turnstile: &Turnstile, agent: &str, target: &str, unit: Option<UnitId>) -> BotAction {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\n\r\n");
        let head = RequestHead::parse(head.as_bytes()).unwrap().unwrap();
        let request = Request::of(&head);
        turnstile.action(&request, &Path::parse(target).unwrap(), || unit)
    }

    fn turnstile(action: BotAction, agents: &[&str]) -> Turnstile {
        let agents = agents.iter().map(|agent| crate::config::Expression::new(agent).unwrap()).collect();
        let mut turnstile = Turnstile::default();
        turnstile.configure(&Bots { action, agents });
        turnstile
    }

    const GOOGLE: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

    #[test]
    fn robots_say_so_and_people_and_tools_do_not() {
        let turnstile = turnstile(BotAction::Reject, &[]);
        for agent in [
            GOOGLE,
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
            "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
            "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
            "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider)",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
            "Mediapartners-Google",
            "CCBot/2.0 (https://commoncrawl.org/faq/)",
            "Mozilla/5.0 zgrab/0.x",
            "Scrapy/2.11 (+https://scrapy.org)",
            "Screaming Frog SEO Spider/19.0",
            "Twitterbot/1.0",
        ] {
            assert_eq!(action(&turnstile, agent, "/a", None), BotAction::Reject, "{agent}");
        }
        for agent in [
            "",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15",
            "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 9; CUBOT) AppleWebKit/537.36 Chrome/96.0 Mobile Safari/537.36",
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91",
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/119.0 Safari/537.36 OPR/105.0.0.0",
            "Mozilla/5.0 (Linux; Android 13; SM-S901B) AppleWebKit/537.36 SamsungBrowser/23.0 Chrome/115.0 Mobile Safari/537.36",
            "curl/8.4.0",
            "python-requests/2.31.0",
            "Go-http-client/1.1",
            "okhttp/4.12.0",
            "Turbo Native iOS; bridge-components: []",
            "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "GitHub-Hookshot/8f2ff6f",
            "kamal-proxy",
            "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers)",
        ] {
            assert_eq!(action(&turnstile, agent, "/a", None), BotAction::Off, "{agent}");
        }
    }

    #[test]
    fn robots_txt_is_for_all_of_them() {
        let turnstile = turnstile(BotAction::Reject, &[]);
        for (target, expected) in [
            ("/robots.txt", BotAction::Off),
            ("/boston/robots.txt?x", BotAction::Off),
            ("/robots.txt/x", BotAction::Reject),
            ("/?/robots.txt", BotAction::Reject),
        ] {
            assert_eq!(action(&turnstile, GOOGLE, target, None), expected, "{target}");
        }
    }

    #[test]
    fn a_tenant_may_have_its_own() {
        let mut keys: slotmap::SlotMap<UnitId, ()> = slotmap::SlotMap::with_key();
        let (strict, open, plain) = (keys.insert(()), keys.insert(()), keys.insert(()));
        for (common, of_plain) in [(BotAction::Off, BotAction::Off), (BotAction::StaticOnly, BotAction::StaticOnly)] {
            let mut turnstile = turnstile(common, &[]);
            turnstile.insert(Some(BotAction::Reject), strict);
            turnstile.insert(Some(BotAction::Ignore), open);
            turnstile.insert(None, plain);
            assert_eq!(action(&turnstile, GOOGLE, "/a", Some(strict)), BotAction::Reject);
            assert_eq!(action(&turnstile, GOOGLE, "/a", Some(open)), BotAction::Off);
            assert_eq!(action(&turnstile, GOOGLE, "/a", Some(plain)), of_plain);
            assert_eq!(action(&turnstile, GOOGLE, "/a", None), of_plain);
            turnstile.remove(strict);
            assert_eq!(action(&turnstile, GOOGLE, "/a", Some(strict)), of_plain);
        }
    }

    #[test]
    fn more_agents_are_added_each_on_its_own() {
        let turnstile = turnstile(BotAction::Reject, &["^curl/", "(?-i)Exact|b", "(?x) sp ac ed # out"]);
        for (agent, expected) in [
            ("CURL/8", BotAction::Reject),
            ("my curl/8", BotAction::Off),
            ("an Exact one", BotAction::Reject),
            ("EXACT", BotAction::Off),
            ("Spaced", BotAction::Reject),
            (GOOGLE, BotAction::Reject),
        ] {
            assert_eq!(action(&turnstile, agent, "/", None), expected, "{agent}");
        }
    }
}
