//! What each address of the tenant answers: request in, reply out.

use serde_json::{Value, json};

use crate::board::Board;
use crate::http::{Reply, Request};

const PAGE: &str = include_str!("page.html");

/// One tenant: its title, its place in the URL space (without the last slash) and its scores.
pub struct Site {
    pub title: String,
    pub base: String,
    pub board: Board,
}

impl Site {
    /// Whether the answer is the endless stream of events.
    pub fn is_stream(&self, request: &Request) -> bool {
        request.method == "GET" && self.below(request) == Some("/events")
    }

    /// The answer to anything else.
    pub fn answer(&self, request: &Request) -> Reply {
        let method = if request.method == "HEAD" { "GET" } else { &request.method };
        match (self.below(request), method) {
            (Some(""), "GET") => self.redirect(),
            (Some("/"), "GET") => Reply::new("200 OK", "text/html", self.page()),
            (Some("/scores.json"), "GET") => self.scores(),
            (Some("/score"), "POST") => self.score(request),
            (Some("/score"), _) => not_allowed("POST"),
            (Some("" | "/" | "/scores.json" | "/events"), _) => not_allowed("GET, HEAD"),
            _ => Reply::text("404 Not Found"),
        }
    }

    /// The path below our own; `None` when it is another tenant's.
    fn below<'a>(&self, request: &'a Request) -> Option<&'a str> {
        request.path.strip_prefix(self.base.as_str())
    }

    fn page(&self) -> String {
        PAGE.replace("{{title}}", &escape(&self.title)).replace("{{pid}}", &std::process::id().to_string())
    }

    fn redirect(&self) -> Reply {
        let mut reply = Reply::text("308 Permanent Redirect");
        reply.headers += &format!("Location: {}/\r\n", self.base);
        reply
    }

    fn scores(&self) -> Reply {
        match self.board.scores() {
            Ok(scores) => Reply::new("200 OK", "application/json", scores),
            Err(error) => failure(&error),
        }
    }

    fn score(&self, request: &Request) -> Reply {
        let Some((team, points)) = order(request) else {
            return Reply::new(
                "422 Unprocessable Content",
                "text/plain",
                "send team (1 to 40 characters) and points\n",
            );
        };
        match self.board.score(&team, points) {
            Ok(true) => self.scores(),
            Ok(false) => Reply::text("409 Conflict"),
            Err(error) => failure(&error),
        }
    }
}

/// Who gets how many points: `{"team": …, "points": …}`, or the same as a form. Without points it is one.
fn order(request: &Request) -> Option<(String, i64)> {
    let fields: Value = if request.is_json {
        serde_json::from_slice(&request.body).ok()?
    } else {
        form_urlencoded::parse(&request.body).map(|(name, value)| (name.into_owned(), json!(value))).collect()
    };
    let team = fields.get("team")?.as_str()?.trim().to_owned();
    let points = match fields.get("points") {
        None => 1,
        Some(Value::String(text)) => text.parse().ok()?,
        Some(number) => number.as_i64()?,
    };
    let good = (1..=40).contains(&team.chars().count()) && (-1000..=1000).contains(&points);
    good.then_some((team, points))
}

fn failure(error: &rusqlite::Error) -> Reply {
    eprintln!("cannot use the database: {error}");
    Reply::text("500 Internal Server Error")
}

fn not_allowed(methods: &str) -> Reply {
    let mut reply = Reply::text("405 Method Not Allowed");
    reply.headers += &format!("Allow: {methods}\r\n");
    reply
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_answer() {
        let board = Board::open(":memory:", ["Lions"].into_iter()).unwrap();
        let site = Site { title: "<Paris>".into(), base: "/paris".into(), board };
        for (method, path, is_json, body, status) in [
            ("GET", "/paris", false, "", "308"),
            ("GET", "/paris/", false, "", "200"),
            ("HEAD", "/paris/scores.json", false, "", "200"),
            ("PUT", "/paris/", false, "", "405"),
            ("GET", "/paris/score", false, "", "405"),
            ("GET", "/tokyo/", false, "", "404"),
            ("GET", "/parisian/", false, "", "404"),
            ("POST", "/paris/score", false, "team=Sea+Lions&points=-2", "200"),
            ("POST", "/paris/score", true, r#"{"team":"Lions","points":3}"#, "200"),
            ("POST", "/paris/score", true, r#"{"team":"Lions","points":0.5}"#, "422"),
            ("POST", "/paris/score", true, "team=Lions", "422"),
            ("POST", "/paris/score", false, "team=&points=1", "422"),
        ] {
            let request = Request { method: method.into(), path: path.into(), is_json, body: body.into() };
            assert_eq!(&site.answer(&request).status[..3], status, "{method} {path} {body}");
        }
        let scores = r#"[{"name":"Lions","points":3},{"name":"Sea Lions","points":0}]"#;
        assert_eq!(site.board.scores().unwrap(), scores);
        assert!(site.page().contains("<title>&lt;Paris&gt;"));
    }
}
