//! `server`: where it listens, who is believed, the health check; its static files, scripts and bots are files of their own.

use super::draft::Draft;
use super::keys::{Field, Keys};
use super::{bots, cgi, idle, routes, static_files, value};
use crate::config::check_media_type;

/// Networks that a proxy in front of a container has: loopback, private, unique local.
const NEAR: [&str; 6] = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7"];

/// What the other sections need of it.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// Without a slash at its end; empty is none.
    pub root_path: String,
    /// Where it is said.
    pub root_line: u32,
    /// Absolute.
    pub public: String,
    /// The health check is answered by the tenant of its path.
    pub health_of_tenant: Option<(String, u32)>,
}

/// Reads `server`.
pub(super) fn server(field: Option<Field<'_>>, draft: &mut Draft<'_>) -> Server {
    let mut server = Server { public: draft.path("public"), ..Server::default() };
    let Some(field) = field else {
        static_files::files(None, &mut server, draft);
        return server;
    };
    let mut keys = field.keys(draft);
    if let Some(field) = keys.take("listen") {
        listen(&field, draft);
    }
    if let Some(field) = keys.take("hostname") {
        draft.mapped(
            &field,
            "no key, as Navigator had no use for it: every host is answered; [route] host restricts a tenant",
        );
    }
    if let Some(field) = keys.take("root_path") {
        root_path(&field, &mut server, draft);
    }
    if let Some(field) = keys.take("trust_proxy") {
        trust(&field, draft);
    }
    if let Some(field) = keys.take("disable_compression") {
        draft.works(&field, "no key: bodies are forwarded as they are");
    }
    static_files::files(Some(&mut keys), &mut server, draft);
    match keys.take("health_check") {
        Some(field) => health(&field, &mut server, draft),
        None => draft.report.change(0, "/up is answered by tenantd, without a tenant; [health] path is another one"),
    }
    if let Some(field) = keys.take("bot_detection")
        && let Some(action) = bots::action(&field, draft)
    {
        draft.section("bots").say(format!("line {}", field.line)).set("action", action.as_str());
        draft.works(&field, &format!("[bots] action = \"{action}\""));
        if action != "off" {
            draft.report.change(field.line, "bots are recognised from now on (Navigator did not parse bot_detection)");
        }
    }
    if let Some(field) = keys.take("cgi_scripts") {
        cgi::scripts(&field, draft);
    }
    if let Some(field) = keys.take("idle") {
        idle::machine(&field, draft);
    }
    phantoms(&mut keys, draft);
    keys.finish(draft);
    server
}

fn listen(field: &Field<'_>, draft: &mut Draft<'_>) {
    let Some(text) = field.text(draft) else { return };
    let Some(address) = value::listen(&text) else {
        return draft.refuse(field, &format!("\"{text}\" is no address; write a port, or an IP address and a port"));
    };
    draft.section("http").say(format!("line {}", field.line)).set("listen", vec![address.as_str()]);
    let became = format!("[http] listen = [\"{address}\"]");
    if text.bytes().all(|b| b.is_ascii_digit()) { draft.mapped(field, &became) } else { draft.works(field, &became) }
}

fn root_path(field: &Field<'_>, server: &mut Server, draft: &mut Draft<'_>) {
    let Some(text) = field.text(draft) else { return };
    server.root_path = match text.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    };
    if server.root_path.is_empty() {
        return draft.as_is(field, "the root");
    }
    server.root_line = field.line;
    draft.mapped(field, "[static] prefix, and a [[redirect]] that adds the slash");
}

/// The redirect of the root path, after all others.
pub(super) fn slash(server: &Server, draft: &mut Draft<'_>) {
    if server.root_path.is_empty() {
        return;
    }
    let mut table = super::toml::Table::new("");
    let pattern = format!("^{}$", regex::escape(&server.root_path));
    table.set("from", pattern).set("to", format!("{}/", server.root_path));
    draft.push("redirect", server.root_line, table);
}

fn trust(field: &Field<'_>, draft: &mut Draft<'_>) {
    match field.boolean(draft) {
        Some(true) => {
            draft.section("http").say(format!("line {}", field.line));
            believe_proxies(draft);
            draft.mapped(field, "[http] trusted_proxies: the private networks; narrow it to your proxy's");
        }
        Some(false) => draft.mapped(field, "no [http] trusted_proxies: X-Forwarded-* of a client is replaced"),
        None => {}
    }
    draft.report.change(
        field.line,
        "X-Forwarded-For and X-Forwarded-Proto are believed only from [http] trusted_proxies (Navigator believed anybody)",
    );
}

/// X-Forwarded-* and the like are believed from networks that are near.
pub(super) fn believe_proxies(draft: &mut Draft<'_>) {
    draft.section("http").set("trusted_proxies", NEAR.to_vec());
}

fn health(field: &Field<'_>, server: &mut Server, draft: &mut Draft<'_>) {
    let mut keys = field.keys(draft);
    let path = keys.take("path").and_then(|path| Some((path.text(draft)?, path)));
    let response = keys.take("response");
    if let Some((path, field)) = path.filter(|(path, field)| is_path(path, field, draft)) {
        draft.section("health").say(format!("line {}", field.line)).set("path", path.as_str());
        draft.as_is(&field, "[health] path");
        if response.is_none() {
            server.health_of_tenant = Some((path, field.line));
        }
    }
    if let Some(field) = response {
        let mut keys = field.keys(draft);
        if let Some(field) = keys.take("status") {
            match field.number(draft) {
                Some(status @ 200..=599) => {
                    draft.section("health").set("status", status);
                    draft.as_is(&field, "[health] status");
                }
                Some(_) => draft.refuse(&field, "no status of an answer; write 200"),
                None => {}
            }
        }
        if let Some(field) = keys.take("body")
            && let Some(body) = field.text(draft)
        {
            draft.section("health").set("body", body);
            draft.as_is(&field, "[health] body");
        }
        if let Some(field) = keys.take("headers") {
            health_headers(&field, draft);
        }
        keys.finish(draft);
    }
    keys.finish(draft);
}

fn is_path(path: &str, field: &Field<'_>, draft: &mut Draft<'_>) -> bool {
    let checked = crate::unit::route::check_path(path);
    if let Err(why) = &checked {
        draft.refuse(field, why);
    }
    checked.is_ok()
}

fn health_headers(field: &Field<'_>, draft: &mut Draft<'_>) {
    for (name, field) in field.keys(draft).all() {
        if name.eq_ignore_ascii_case("content-type") {
            let Some(text) = draft.checked(&field, check_media_type).into_iter().next() else { continue };
            draft.section("health").set("content_type", text);
            draft.mapped(&field, "[health] content_type");
        } else {
            draft.refuse(&field, "a health check has no fields but Content-Type; leave it out");
        }
    }
}

/// Keys that the documentation puts here.
fn phantoms(keys: &mut Keys<'_>, draft: &mut Draft<'_>) {
    if let Some(field) = keys.take("rewrite_rules") {
        routes::rewrites(&field, draft, true);
    }
    if let Some(field) = keys.take("reverse_proxies") {
        super::proxies::proxies(&field, draft, true);
    }
}
