//! V32, V34, V35, and what redirects and rewrites do: §1.4 of the facts.

use super::refusals::refused;
use super::semantics::showcase;
use super::table::{check, row};
use crate::harness::Init;

const RULES: &str = r#"
[[redirect]]
from = "^/$"
to = "/showcase/"
[[redirect]]
from = "^/showcase/slashless$"
to = "/showcase/slashless/"
status = 301
[[redirect]]
from = "^/studios/(\\w+)/(?P<rest>.*)$"
to = "/showcase/$1/${rest}"
[[redirect]]
from = "^/forms/(.*)$"
to = "/showcase/$1"
status = 307
methods = ["POST"]
[[redirect]]
from = "^/forms/(.*)$"
to = "https://forms.example.com/$1"
status = 308
[[redirect]]
from = "bx"
to = "b"
[[redirect]]
from = "^/to/(.*)$"
to = "/$1"
[[rewrite]]
from = "^/app/(.*)$"
to = "/showcase/one/$1"
[[rewrite]]
from = "^/showcase/one/"
to = "/showcase/2025/boston/"
"#;

fn init() -> Init {
    showcase().config(RULES).start()
}

#[test]
fn v32_a_pattern_that_is_missing_or_empty_is_refused() {
    for (text, words) in [
        ("[[redirect]]\npattern = \"^/x\"\nto = \"/y\"", &["tenantd.toml:", "pattern", "from"][..]),
        ("[[redirect]]\nto = \"/y\"", &["tenantd.toml:", "from"]),
        ("[[redirect]]\nfrom = \"\"\nto = \"/y\"", &["tenantd.toml:5:8", "matches every path"]),
        ("[[rewrite]]\npattern = \"^/x\"\nto = \"/y\"", &["tenantd.toml:", "pattern", "from"]),
        ("[[rewrite]]\nto = \"/y\"", &["tenantd.toml:", "from"]),
        // V27: a bad expression, with its place.
        ("[[redirect]]\nfrom = \"^/x(\"\nto = \"/y\"", &["tenantd.toml:5:8", "regular expression"]),
        ("[[rewrite]]\nfrom = \"^/x[\"\nto = \"/y\"", &["tenantd.toml:5:8", "regular expression"]),
    ] {
        let said = refused(Init::new().config(text));
        words.iter().for_each(|word| assert!(said.contains(word), "{word} in {said}"));
    }
}

#[test]
fn v34_redirects_keep_the_query() {
    check(
        &init(),
        &[
            row("V34 a redirect", "GET /?a=1&b=/2", 302).field("location", "/showcase/?a=1&b=/2"),
            row("V34 captures", "GET /studios/nyc/x?y", 302).field("location", "/showcase/nyc/x?y"),
            row("V34 the slash at the end", "GET /showcase/slashless?q=1", 301)
                .field("location", "/showcase/slashless/?q=1"),
            row("V34 another host", "GET /forms/a?b=c", 308).field("location", "https://forms.example.com/a?b=c"),
        ],
    );
}

#[test]
fn v35_the_status_of_a_redirect_is_what_is_written() {
    check(
        &init(),
        &[
            row("V35 by itself 302", "GET /", 302),
            row("V35 301", "GET /showcase/slashless", 301),
            row("V35 307, for POST alone", "POST /forms/a", 307).content("a=1").field("location", "/showcase/a"),
            row("V35 308", "PUT /forms/a", 308).content("a=1"),
        ],
    );
}

#[test]
fn redirects_and_rewrites() {
    check(
        &init(),
        &[
            row("§1.4 redirects: every method", "POST /", 302).content("a=1"),
            row("§1.4 redirects replace all that matches, and match anywhere", "GET /bx/bx", 302)
                .field("location", "/b/b"),
            row("§1.4 what no rule matches goes on", "GET /showcase/regions", 200).tenant("index"),
            row("§1.4 rewrites go on with the rules that follow", "GET /app/heats?x=1", 200)
                .tenant("event")
                .target("/showcase/2025/boston/heats?x=1"),
            row("§1.4 redirects come before rewrites", "GET /studios/app/x", 302).field("location", "/showcase/app/x"),
            row("§2.3 health comes before rules", "GET /up", 200).body("OK"),
        ],
    );
}

#[test]
fn no_capture_leads_out_of_its_field_or_host() {
    let init = init();
    // Whether `.` is a newline too is the expression's affair.
    let reply = init.get("/to/a%0d%0aX-Evil:%20y");
    assert!(matches!(reply.status(), 302 | 404) && reply.field("x-evil").is_none(), "{:?}", reply.head);
    check(
        &init,
        &[
            row("CR", "GET /to/a%0dX-Evil:%20y", 302).field("location", "/a%0DX-Evil:%20y").no_field("x-evil"),
            row("two slashes", "GET /to//evil.example/x", 302).field("location", "/evil.example/x"),
            row("an encoded slash", "GET /to/%2fevil.example", 302).field("location", "/%2Fevil.example"),
            row("an encoded backslash", "GET /to/%5cevil.example", 302).field("location", "/%5Cevil.example"),
            row("a percent sign", "GET /to/a%2541", 302).field("location", "/a%2541"),
            row("a question mark", "GET /to/a%3fb?c", 302).field("location", "/a%3Fb?c"),
            row("a hash", "GET /to/a%23b", 302).field("location", "/a%23b"),
        ],
    );
}
