//! Who is kept from tenants by `[bots]` (§1.1).

use super::semantics::showcase;
use super::table::{check, row};

#[test]
fn bots_are_kept_from_tenants_alone() {
    const GOOGLE: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    let demo = super::semantics::at("/demo", "demo").route("bots = \"ignore\"").text();
    let init = showcase().unit("demo@.toml", &demo).config("[bots]\naction = \"reject\"").start();
    let bot = |request, status| row("§1.1 bot_detection", request, status).with("User-Agent", GOOGLE);
    check(
        &init,
        &[
            bot("GET /showcase", 403),
            bot("GET /up", 200),
            bot("GET /demo", 200).tenant("demo"),
            row("§1.1 a browser", "GET /showcase", 200)
                .with("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
                .tenant("index"),
        ],
    );
}
