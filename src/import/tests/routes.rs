//! Each key of `routes`, Fly and sticky sessions among them.

use super::*;

#[test]
fn routes() {
    judge(&[
        (
            "routes: { redirects: [ { from: '^/(a)\\.b$', to: '/c/$1' } ] }",
            "routes.redirects[].from",
            AsIs,
            &["[[redirect]]\nfrom = '^/(a)\\.b$'\nto = \"/c/$1\"\n"],
        ),
        (
            "routes: { redirects: [ { pattern: '^/a', to: /b } ] }",
            "routes.redirects[].pattern",
            WorksNow,
            &["from = \"^/a\""],
        ),
        ("routes: { redirects: [ { to: /b } ] }", "routes.redirects[]", CannotBe, &[]),
        ("routes: { redirects: [ { from: ^/a, to: 'https://$1/' } ] }", "routes.redirects[].to", CannotBe, &[]),
        ("routes: { rewrites: [ { from: ^/a, to: 'https://b/' } ] }", "routes.rewrites[].to", CannotBe, &[]),
        (
            "routes: { reverse_proxies: [ { path: '^/a(/.*)', target: 'http://h/b/', strip_path: true } ] }",
            "routes.reverse_proxies[].strip_path",
            Mapped,
            &["target = \"http://h/b$1\""],
        ),
        (
            "routes: { reverse_proxies: [ { path: '^/a', target: 'http://h', strip_path: true } ] }",
            "routes.reverse_proxies[].strip_path",
            CannotBe,
            &[],
        ),
        (
            "routes: { reverse_proxies: [ { path: '^/a', target: 'http://h', headers: { Upgrade: $http_upgrade } } ] }",
            "routes.reverse_proxies[].headers.Upgrade",
            Mapped,
            &[],
        ),
        ("routes: { redirects: [ { from: '(', to: /b } ] }", "routes.redirects[].from", CannotBe, &[]),
        ("routes: { redirects: [ { from: '', to: /b } ] }", "routes.redirects[].from", CannotBe, &[]),
        (
            "routes: { rewrites: [ { from: '^/a', to: /b } ] }",
            "routes.rewrites[].to",
            AsIs,
            &["[[rewrite]]\nfrom = \"^/a\""],
        ),
        (
            "routes: { rewrites: [ { pattern: '^/a', replacement: /b, methods: [get] } ] }",
            "routes.rewrites[].replacement",
            WorksNow,
            &["[[rewrite]]\nfrom = \"^/a\"\nto = \"/b\"\nmethods = [\"GET\"]"],
        ),
        (
            "routes: { rewrites: [ { pattern: '^/a', replacement: /b, redirect: true, status: 301 } ] }",
            "routes.rewrites[].pattern",
            WorksNow,
            &["[[redirect]]\nfrom = \"^/a\"\nto = \"/b\"\nstatus = 301"],
        ),
        (
            "routes: { rewrite_rules: [ { pattern: '^/a', replacement: /b, flag: permanent } ] }",
            "routes.rewrite_rules",
            WorksNow,
            &["[[redirect]]", "status = 301"],
        ),
        (
            "routes: { reverse_proxies: [ { name: api, path: '^/api(/.*)', target: 'https://x.example/v$1' } ] }",
            "routes.reverse_proxies[].path",
            Mapped,
            &["[[proxy]]\nname = \"api\"\npattern = \"^/api(/.*)\"\ntarget = \"https://x.example/v$1\"\n"],
        ),
        (
            "routes: { reverse_proxies: [ { prefix: /api/, target: 'http://localhost:1', strip_path: true } ] }",
            "routes.reverse_proxies[].strip_path",
            Mapped,
            &["path = \"/api\"\ntarget = \"http://localhost:1\"\nstrip = true\npreserve_host = true"],
        ),
        (
            "routes: { reverse_proxies: [ { path: '^/c', target: 'ws://localhost:1/c', websocket: true } ] }",
            "routes.reverse_proxies[].target",
            Mapped,
            &["target = \"http://localhost:1/c\""],
        ),
        (
            "routes: { reverse_proxies: [ { path: '^/c', target: 'http://h', websocket: false } ] }",
            "routes.reverse_proxies[].websocket",
            AsIs,
            &["websocket = false"],
        ),
        (
            "routes: { reverse_proxies: [ { path: '^/c', target: 'https://h', headers: { X-A: $host, Host: $host } } ] }",
            "routes.reverse_proxies[].headers",
            AsIs,
            &["headers = { X-A = \"$host\" }", "preserve_host = true"],
        ),
        (
            "routes: { reverse_proxies: [ { path: '^/c', target: 'https://h', headers: { Host: other } } ] }",
            "routes.reverse_proxies[].headers.Host",
            CannotBe,
            &["preserve_host = false"],
        ),
        (
            "routes: { reverse_proxies: [ { path: '^/c', target: 'https://h', response_headers: { X: y } } ] }",
            "routes.reverse_proxies[].response_headers",
            AsIs,
            &["response_headers = { X = \"y\" }"],
        ),
        (
            "routes: { reverse_proxies: [ { path: '^/c', target: localhost } ] }",
            "routes.reverse_proxies[].target",
            CannotBe,
            &[],
        ),
        ("routes: { reverse_proxies: [ { target: 'http://x' } ] }", "routes.reverse_proxies[]", CannotBe, &[]),
    ]);
    // The order of the file is the order of the rules, the root's slash is the last.
    let found = import("server: { root_path: r }\nroutes: { redirects: [ { from: a, to: /b }, { from: c, to: /d } ] }");
    let text = file(&found, "tenantd.toml");
    let at = |word: &str| text.find(word).unwrap();
    assert!(at("from = \"a\"") < at("from = \"c\"") && at("from = \"c\"") < at("from = \"^/r$\""), "{text}");
}

#[test]
fn fly() {
    judge(&[
        (
            "routes: { fly: { replay: [ { path: '^/x', region: ams, status: 302 } ] } }",
            "routes.fly.replay[].region",
            AsIs,
            &["[[replay]]\npattern = \"^/x\"\nregion = \"ams\"\nstatus = 302"],
        ),
        (
            "routes: { fly: { replay: [ { path: '\\.pdf$', app: p } ] } }",
            "routes.fly.replay[].app",
            AsIs,
            &["app = \"p\""],
        ),
        (
            "routes: { fly: { replay: [ { path: '^/x', machine: m1, app: a, methods: [GET] } ] } }",
            "routes.fly.replay[].machine",
            WorksNow,
            &["app = \"a\"\nmachine = \"m1\"\nmethods = [\"GET\"]"],
        ),
        (
            "routes: { fly: { replay: [ { path: '^/x', machine: m1, methods: [get] } ] } }",
            "routes.fly.replay[].methods",
            WorksNow,
            &[],
        ),
        (
            "routes: { fly: { replay: [ { pattern: '^/x', instance: m1 } ] } }",
            "routes.fly.replay[].pattern",
            WorksNow,
            &["machine = \"m1\""],
        ),
        (
            "routes: { fly: { replay: [ { path: '^/x', app: a, region: r } ] } }",
            "routes.fly.replay[].region",
            AsIs,
            &["app = \"a\""],
        ),
        ("routes: { fly: { replay: [ { path: '^/x' } ] } }", "routes.fly.replay[]", CannotBe, &[]),
        ("routes: { fly: { replay: [ { region: ams } ] } }", "routes.fly.replay[]", CannotBe, &[]),
        (
            "routes: { fly: { replay: [ { path: '^/x', replacement: 'fly-replay:y', region: r } ] } }",
            "routes.fly.replay[].replacement",
            CannotBe,
            &[],
        ),
        (
            "routes: { fly: { sticky_sessions: { enabled: false, cookie_name: x } } }",
            "routes.fly.sticky_sessions",
            AsIs,
            &[],
        ),
        (
            "routes: { fly: { sticky_sessions: { enabled: true, cookie_name: x, cookie_max_age: 24h, cookie_secure: true, \
             cookie_httponly: true, cookie_samesite: Lax, cookie_path: /, paths: [/a] } } }",
            "routes.fly.sticky_sessions",
            WorksNow,
            &[
                "name = \"x\"\nmax_age = \"24h\"\nsecure = true\nhttp_only = true\nsame_site = \"lax\"\npath = \"/\"\npaths = [\"/a\"]",
            ],
        ),
    ]);
    let both = import("routes: { fly: { replay: [ { path: '^/x', app: a, region: r } ] } }");
    assert!(!text(&both).contains("region ="), "the app beats the region");
}
