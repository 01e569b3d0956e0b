//! One row a key of Navigator's, live, dead or only documented: what it becomes.

use proptest::prelude::*;

use super::Verdict::{AsIs, CannotBe, Mapped, WorksNow};
use super::*;

/// Imports with the root `/app`; the environment has `SET=value` alone.
fn import(text: &str) -> Import {
    let variables = |name: &str| (name == "SET").then(|| "value".to_owned());
    let options = Options { root: "/app".into(), source: "config/navigator.yml".into(), variables: &variables };
    translate(text, &options).unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
}

/// All files as one text.
fn text(import: &Import) -> String {
    import.files.iter().map(|(path, text)| format!("## {}\n{text}", path.display())).collect()
}

fn file<'i>(import: &'i Import, path: &str) -> &'i str {
    let found = import.files.iter().find(|(name, _)| name.as_os_str() == path);
    found.map_or_else(|| panic!("no {path} in {:?}", import.files), |(_, text)| text)
}

/// YAML, the key, its verdict, what must be in the files.
type Case = (&'static str, &'static str, Verdict, &'static [&'static str]);

fn judge(cases: &[Case]) {
    for (yaml, key, verdict, fragments) in cases {
        let import = import(yaml);
        let told = import.rows.iter().any(|row| row.key == *key && row.verdict == *verdict && row.line > 0);
        assert!(told, "{yaml}\n{key} is not {verdict:?}: {:#?}", import.rows);
        let text = text(&import);
        for fragment in *fragments {
            assert!(text.contains(fragment), "{yaml}\nno {fragment} in\n{text}");
        }
    }
}

#[test]
fn server() {
    judge(&[
        ("server: { listen: 9999 }", "server.listen", Mapped, &["listen = [\"0.0.0.0:9999\"]"]),
        ("server: { listen: '9999' }", "server.listen", Mapped, &["listen = [\"0.0.0.0:9999\"]"]),
        ("server: { listen: '127.0.0.1:80' }", "server.listen", WorksNow, &["listen = [\"127.0.0.1:80\"]"]),
        ("server: { listen: 'localhost:80' }", "server.listen", WorksNow, &["listen = [\"127.0.0.1:80\"]"]),
        ("server: { listen: '[::]:80' }", "server.listen", WorksNow, &["listen = [\"[::]:80\"]"]),
        ("server: { listen: '${PORT:-3000}' }", "server.listen", WorksNow, &["listen = [\"0.0.0.0:3000\"]"]),
        ("server: { listen: 99999 }", "server.listen", CannotBe, &[]),
        ("server: { hostname: example.com }", "server.hostname", Mapped, &[]),
        (
            "server: { root_path: /showcase }",
            "server.root_path",
            Mapped,
            &["prefix = \"/showcase\"", "from = \"^/showcase$\"\nto = \"/showcase/\""],
        ),
        ("server: { root_path: '' }", "server.root_path", AsIs, &[]),
        ("server: { trust_proxy: true }", "server.trust_proxy", Mapped, &["trusted_proxies = [\"127.0.0.0/8\", "]),
        ("server: { trust_proxy: no }", "server.trust_proxy", Mapped, &[]),
        ("server: { disable_compression: true }", "server.disable_compression", WorksNow, &[]),
        ("server: { public_dir: web }", "server.public_dir", WorksNow, &["root = \"/app/web\""]),
        ("server: { static: { public_dir: ./web } }", "server.static.public_dir", Mapped, &["root = \"/app/web\""]),
        (
            "server: { static: { allowed_extensions: [html, css] } }",
            "server.static.allowed_extensions",
            Mapped,
            &["extensions = [\"html\", \"css\"]"],
        ),
        ("server: { static: { allowed_extensions: [a/b] } }", "server.static.allowed_extensions[]", CannotBe, &[]),
        ("server: { static: { try_files: ['../a'] } }", "server.static.try_files[]", CannotBe, &["try_files = []"]),
        (
            "server: { static: { cache_control: { overrides: [ { path: a, max_age: 1h } ] } } }",
            "server.static.cache_control.overrides[].path",
            CannotBe,
            &[],
        ),
        (
            "server: { static: { cache_control: { overrides: [ { path: /a, max_age: 1h }, { path: /a, max_age: 2h } ] } } }",
            "server.static.cache_control.overrides[]",
            CannotBe,
            &["path = \"/a\"\nmax_age = \"1h\""],
        ),
        (
            "server: { health_check: { path: /a, response: { headers: { Content-Type: plain } } } }",
            "server.health_check.response.headers.Content-Type",
            CannotBe,
            &["path = \"/a\""],
        ),
        (
            "routes: { fly: { replay: [ { path: ^/a, region: ams, fallback: me } ] } }",
            "routes.fly.replay[].fallback",
            CannotBe,
            &["region = \"ams\""],
        ),
        (
            "applications: { tenants: [ { path: /t } ] }",
            "applications.tenants[].path",
            Mapped,
            &["path = \"/${path}\"\ntrailing_slash = true\n"],
        ),
        (
            "server: { static: { extensions: ['.html'] } }",
            "server.static.extensions",
            WorksNow,
            &["extensions = [\"html\"]"],
        ),
        (
            "server: { static: { try_files: [index.html, .html] } }",
            "server.static.try_files",
            AsIs,
            &["try_files = [\"index.html\", \".html\"]"],
        ),
        (
            "server: { static: { normalize_trailing_slashes: true } }",
            "server.static.normalize_trailing_slashes",
            Mapped,
            &["trailing_slash = true"],
        ),
        (
            "server: { static: { cache_control: { default: 1h, default_immutable: true } } }",
            "server.static.cache_control.default",
            Mapped,
            &["max_age = \"1h\"", "immutable = true"],
        ),
        (
            "server: { static: { cache_control: { default_immutable: true } } }",
            "server.static.cache_control.default_immutable",
            Mapped,
            &["immutable = true"],
        ),
        (
            "server: { static: { cache_control: { overrides: [ { path: /a/, max_age: 1y, immutable: true } ] } } }",
            "server.static.cache_control.overrides[].max_age",
            AsIs,
            &["[[cache]]\npath = \"/a/\"\nmax_age = \"365d\"\nimmutable = true"],
        ),
        (
            "server: { static: { directories: [ { path: /a/, dir: public/a, cache: 24h } ] } }",
            "server.static.directories[]",
            WorksNow,
            &["[[cache]]\npath = \"/a/\"\nmax_age = \"24h\""],
        ),
        (
            "server: { static: { directories: [ { path: /a/, dir: /b } ] } }",
            "server.static.directories[]",
            CannotBe,
            &[],
        ),
        (
            "static: { public_dir: web, extensions: [css] }",
            "static.public_dir",
            Mapped,
            &["root = \"/app/web\"", "extensions = [\"css\"]"],
        ),
        ("server: { bot_detection: { enabled: true } }", "server.bot_detection", WorksNow, &["action = \"reject\""]),
        (
            "server: { bot_detection: { enabled: true, action: static-only } }",
            "server.bot_detection",
            WorksNow,
            &["[bots]\naction = \"static-only\""],
        ),
        ("server: { bot_detection: { enabled: false } }", "server.bot_detection", WorksNow, &["action = \"off\""]),
        (
            "server: { bot_detection: { enabled: true, action: bite } }",
            "server.bot_detection.action",
            CannotBe,
            &["action = \"reject\""],
        ),
        ("server: { health_check: { path: /up } }", "server.health_check.path", AsIs, &["[health]\npath = \"/up\""]),
        (
            "server: { health_check: { path: /up, response: { status: 201, body: OK } } }",
            "server.health_check.response.status",
            AsIs,
            &["status = 201\nbody = \"OK\""],
        ),
        (
            "server: { health_check: { path: /up, response: { body: OK, headers: { content-type: text/x } } } }",
            "server.health_check.response.headers.content-type",
            Mapped,
            &["content_type = \"text/x\""],
        ),
        (
            "server: { health_check: { path: /up, response: { headers: { X: y } } } }",
            "server.health_check.response.headers.X",
            CannotBe,
            &[],
        ),
        (
            "server: { health_check: { path: /a/up } }\napplications: { tenants: [ { path: / }, { path: /a } ] }",
            "server.health_check.path",
            AsIs,
            &["unit = \"app@a\""],
        ),
        ("server: { idle: { action: suspend, timeout: 15m } }", "server.idle.action", CannotBe, &[]),
        ("server: { idle: { action: '', timeout: 15m } }", "server.idle.action", AsIs, &[]),
        ("suspend: { enabled: true, idle_timeout: 600 }", "suspend", CannotBe, &[]),
        ("suspend: { enabled: false }", "suspend", AsIs, &[]),
        (
            "server: { rewrite_rules: [ { pattern: '^/a', replacement: /b } ] }",
            "server.rewrite_rules",
            WorksNow,
            &["[[rewrite]]\nfrom = \"^/a\"\nto = \"/b\""],
        ),
        (
            "server: { reverse_proxies: [ { prefix: /a, target: 'http://x:1' } ] }",
            "server.reverse_proxies",
            WorksNow,
            &["path = \"/a\"", "target = \"http://x:1\""],
        ),
    ]);
}

#[test]
fn scripts() {
    let yaml = "server:\n  cgi_scripts:\n    - path: /do\n      script: script/do.rb\n      method: post\n      user: root\n      \
                group: wheel\n      allowed_users: [ann]\n      env: { A: 'x%${Y}', SET: '${SET}' }\n      reload_config: config/n.yml\n      \
                timeout: 30\n";
    let expected = "[[cgi]]\npath = \"/do\"\nexec = [\"/app/script/do.rb\"]\nmethods = [\"POST\"]\nuser = \"root\"\ngroup = \"wheel\"\n\
                    allowed_users = [\"ann\"]\npass_environment = [";
    let more = "\"SET\",\n]\nenvironment = { A = \"x%${Y}\" }\ntimeout = \"30s\"\nreload_config = true\n";
    let found = import(yaml);
    assert!(text(&found).contains(expected) && text(&found).contains(more), "{}", text(&found));
    for (key, verdict) in [
        ("path", AsIs),
        ("script", Mapped),
        ("method", Mapped),
        ("user", AsIs),
        ("group", AsIs),
        ("allowed_users", AsIs),
        ("env", Mapped),
        ("reload_config", Mapped),
        ("timeout", WorksNow),
    ] {
        let key = format!("server.cgi_scripts[].{key}");
        assert!(found.rows.iter().any(|row| row.key == key && row.verdict == verdict), "{key}: {:#?}", found.rows);
    }
    judge(&[
        ("server: { cgi_scripts: [ { path: /x } ] }", "server.cgi_scripts[]", CannotBe, &[]),
        (
            "server: { cgi_scripts: [ { path: /x, script: /a, method: GET }, { path: /x, script: /b } ] }",
            "server.cgi_scripts[]",
            CannotBe,
            &["exec = [\"/a\"]\nmethods = [\"GET\"]"],
        ),
    ]);
}

#[test]
fn cable_logging_maintenance() {
    judge(&[
        ("cable: { enabled: false, path: /cable }", "cable", AsIs, &[]),
        ("cable: { path: /cable }", "cable.path", CannotBe, &[]),
        ("cable: { broadcast_path: /_b }", "cable.broadcast_path", CannotBe, &[]),
        ("logging: { format: text }", "logging.format", AsIs, &[]),
        ("logging: { format: json }", "logging.format", CannotBe, &[]),
        ("logging: { file: 'log/{{app}}.log' }", "logging.file", CannotBe, &[]),
        ("logging: { vector: { enabled: false, config: v.toml } }", "logging.vector", AsIs, &[]),
        (
            "logging: { vector: { enabled: true, config: v.toml, socket: /tmp/v.sock } }",
            "logging.vector.config",
            Mapped,
            &[
                "## units/vector.toml",
                "exec_start = [\"vector\", \"--config\", \"/app/v.toml\"]",
                "[\"rm\", \"-f\", \"/tmp/v.sock\"]",
            ],
        ),
        (
            "logging: { vector: { enabled: true, config: v.toml, socket: /tmp/v.sock } }",
            "logging.vector.socket",
            CannotBe,
            &[],
        ),
        (
            "maintenance: { enabled: true }\nhooks: { server: { ready: [ { command: c, reload_config: n.yml } ] } }",
            "maintenance.enabled",
            Mapped,
            &["[maintenance]\nuntil_ready = true\npage = "],
        ),
        (
            "maintenance: { enabled: true }",
            "maintenance.enabled",
            AsIs,
            &["enabled = true\npage = \"/app/public/503.html\""],
        ),
        ("maintenance: { page: /oops.html }", "maintenance.page", AsIs, &["page = \"/app/public/oops.html\""]),
        ("maintenance: { page: oops.html }", "maintenance.page", AsIs, &["page = \"/app/oops.html\""]),
    ]);
}

#[test]
fn auth() {
    judge(&[
        ("auth: { enabled: false, htpasswd: x }", "auth.enabled", Mapped, &[]),
        ("auth: { enabled: true, htpasswd: x, realm: 'off' }", "auth.enabled", Mapped, &[]),
        ("auth: { enabled: true, htpasswd: db/x }", "auth.htpasswd", AsIs, &["[auth]\nhtpasswd = \"/app/db/x\""]),
        // Fails closed: Navigator let everybody in.
        ("auth: { enabled: true }", "auth", WorksNow, &["[auth]\nhtpasswd = \"/app/htpasswd\""]),
        ("auth: { enabled: true, htpasswd: /x, realm: A \"b\" }", "auth.realm", AsIs, &["realm = \"A \\\"b\\\"\""]),
        (
            "auth: { enabled: true, htpasswd: /x, public_paths: [/up, /assets/, '*.js', '/as/*'] }",
            "auth.public_paths",
            Mapped,
            &["public = [\"/up\", \"/assets/\", \"*.js\", \"/as/*\"]"],
        ),
        (
            "auth: { enabled: true, htpasswd: /x, auth_patterns: [ { pattern: '^/a', action: off } ] }",
            "auth.auth_patterns[]",
            Mapped,
            &["exclude = [\"^/a\"]"],
        ),
        (
            "auth: { enabled: true, htpasswd: /x, patterns: [ { pattern: '^/a', action: 'off' } ] }",
            "auth.patterns[]",
            Mapped,
            &["exclude = [\"^/a\"]"],
        ),
        (
            "auth: { enabled: true, htpasswd: /x, auth_patterns: [ { pattern: '^/a', action: Admin } ] }",
            "auth.auth_patterns[]",
            CannotBe,
            &[],
        ),
        (
            "auth: { enabled: true, htpasswd: /x, auth_patterns: [ { action: off } ] }",
            "auth.auth_patterns[]",
            CannotBe,
            &[],
        ),
    ]);
    for off in
        ["auth: { enabled: false, htpasswd: x }", "auth: { enabled: true, realm: 'off', htpasswd: x }", "auth: {}"]
    {
        assert!(!text(&import(off)).contains("[auth]"), "{off}");
    }
}

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

#[test]
fn applications() {
    judge(&[
        ("applications: { pools: { max_size: 8 } }", "applications.pools.max_size", WorksNow, &["[pool]\nrunning = 8"]),
        ("pools: { max_size: 8 }", "pools.max_size", WorksNow, &["[pool]\nrunning = 8"]),
        (
            "applications: { pools: { timeout: 5m }, tenants: [ { path: / } ] }",
            "applications.pools.timeout",
            Mapped,
            &["idle_stop = \"5m\""],
        ),
        (
            "pools: { timeout: 300 }\napplications: { tenants: [ { path: / } ] }",
            "pools.timeout",
            WorksNow,
            &["idle_stop = \"300s\""],
        ),
        ("applications: { pools: { timeout: soon } }", "applications.pools.timeout", CannotBe, &[]),
        ("applications: { pools: { start_port: 4000 } }", "applications.pools.start_port", Mapped, &[]),
        (
            "applications: { pools: { default_memory_limit: 1.5 GiB }, tenants: [ { path: / } ] }",
            "applications.pools.default_memory_limit",
            Mapped,
            &["memory_max = \"1.5G\""],
        ),
        (
            "applications: { pools: { user: rails, group: web }, tenants: [ { path: / } ] }",
            "applications.pools.user",
            AsIs,
            &["user = \"rails\"\ngroup = \"web\""],
        ),
        (
            "applications: { env: { A: 'x${database}y', B: '100%', C: '${HOME_DIR:-z}', D: 'a $1 ${e}' }, \
             tenants: [ { path: /t, var: { database: d } } ] }",
            "applications.env",
            Mapped,
            &[
                "A = \"x${database}y\"\nB = \"100%%\"\nC = \"z\"\nD = \"a $1 $${e}\"",
                "vars = { path = \"t\", database = \"d\" }",
            ],
        ),
        (
            "applications: { global_env: { A: b }, tenants: [ { path: / } ] }",
            "applications.global_env",
            WorksNow,
            &["[service.environment]\nA = \"b\""],
        ),
        (
            "applications: { runtime: { web: node }, server: { web: app.js }, args: { web: ['--port', '{{port}}'] }, \
             tenants: [ { path: /, framework: web } ] }",
            "applications.args",
            Mapped,
            &["## units/web@.toml", "exec_start = [\"sh\", \"-c\", \"exec node app.js --port \\\"$PORT\\\"\"]"],
        ),
        ("applications: { health_check: /up }", "applications.health_check", Mapped, &[]),
        ("applications: { health_check: { path: /up } }", "applications.health_check", Mapped, &[]),
        (
            "applications: { startup_timeout: 5s, tenants: [ { path: / } ] }",
            "applications.startup_timeout",
            WorksNow,
            &["waiting_page_after = \"5s\""],
        ),
        ("applications: { track_websockets: false }", "applications.track_websockets", AsIs, &[]),
        (
            "applications: { hooks: { start: [ { command: a } ], stop: [ b ] }, tenants: [ { path: / } ] }",
            "applications.hooks.start",
            WorksNow,
            &["exec_start_pre = [[\"a\"]]", "exec_stop_post = [[\"b\"]]"],
        ),
        (
            "applications: { framework: { command: bin/rails, args: [server, -b, 0.0.0.0, -p, '${port}'], app_directory: /r, \
             port_env_var: PORT, start_delay: 2 }, tenants: [ { path: / } ] }",
            "applications.framework.command",
            WorksNow,
            &["exec /r/bin/rails server -b 0.0.0.0 -p \\\"$PORT\\\"", "working_directory = \"/r\""],
        ),
        (
            "applications: { framework: rails, tenants: [ { path: / } ] }",
            "applications.framework",
            WorksNow,
            &["units/rails@.toml"],
        ),
        (
            "applications: { frameworks: { go: { command: /srv/app, args: ['-p', '{{port}}'] } }, \
             tenants: [ { path: /, framework: go } ] }",
            "applications.frameworks",
            WorksNow,
            &["## units/go@.toml", "exec /srv/app -p \\\"$PORT\\\""],
        ),
        (
            "frameworks: { py: { runtime_exec: python, server_exec: app.py, server_args: [x] } }\n\
             applications: { tenants: [ { path: /, framework: py } ] }",
            "frameworks",
            WorksNow,
            &["exec_start = [\"python\", \"app.py\", \"x\"]"],
        ),
        (
            "applications: { frameworks: { go: { command: app, port_env_var: HTTP_PORT } }, tenants: [ { path: /, framework: go } ] }",
            "applications.frameworks.go.port_env_var",
            WorksNow,
            &["exec env HTTP_PORT=\\\"$PORT\\\" app"],
        ),
        (
            "defaults: { env: { A: b } }\napplications: { tenants: [ { path: / } ] }",
            "defaults",
            WorksNow,
            &["A = \"b\""],
        ),
        ("applications: [ { path: /a } ]", "applications", WorksNow, &["path = \"a\""]),
    ]);
}

/// A file with one tenant that has these keys.
fn one(keys: &str) -> String {
    format!("applications:\n  tenants:\n    - path: /t/\n      {}\n", keys.replace('\n', "\n      "))
}

#[test]
fn tenants() {
    let cases: &[(&str, &str, Verdict, &[&str])] = &[
        (
            "root: ''",
            "path",
            Mapped,
            &["[[instance]]\nname = \"t\"\nvars = { path = \"t\" }", "[route]\npath = \"/${path}\""],
        ),
        ("name: 'My App'", "name", WorksNow, &["name = \"My-App\""]),
        ("root: /srv/t", "root", Mapped, &["working_directory = \"/srv/t\""]),
        ("working_dir: srv", "working_dir", WorksNow, &["working_directory = \"/app/srv\""]),
        (
            "env: { A: 'x%', B: '${SET}', SET: '${SET}' }",
            "env",
            Mapped,
            &["environment = { A = \"x%%\", B = \"value\" }", "\"SET\"]"],
        ),
        ("env: { A: '${NOT_SET}' }", "env.A", CannotBe, &[]),
        ("env: { A: '${NOT_SET:-x}' }", "env.A", WorksNow, &["A = \"x\""]),
        ("var: { n: 1.10, yes: true }", "var", Mapped, &["vars = { path = \"t\", n = \"1.10\", yes = \"true\" }"]),
        (
            "var: { path: other }",
            "var",
            Mapped,
            &["vars = { route_path = \"t\", path = \"other\" }", "path = \"/${route_path}\""],
        ),
        ("var: { 'a b': x }", "var.a b", CannotBe, &[]),
        ("framework: web", "framework", Mapped, &["units/web@.toml"]),
        ("runtime: node\nserver: app.js\nargs: []", "runtime", Mapped, &["exec_start = [\"node\", \"app.js\"]"]),
        ("server: bin/x", "server", Mapped, &["exec ruby bin/x server -b 127.0.0.1 -p \\\"$PORT\\\""]),
        ("args: [s, '-p', '{{port}}']", "args", Mapped, &["exec ruby bin/rails s -p \\\"$PORT\\\""]),
        ("command: bundle exec puma", "command", WorksNow, &["exec_start = [\"bundle\", \"exec\", \"puma\"]"]),
        ("health_check: /up", "health_check", Mapped, &[]),
        ("track_websockets: false", "track_websockets", CannotBe, &[]),
        ("track_websockets: true", "track_websockets", AsIs, &[]),
        ("hooks: { start: [ { command: bin/a } ] }", "hooks.start", Mapped, &["exec_start_pre = [[\"/app/bin/a\"]]"]),
        (
            "hooks: { stop: [ { command: b, args: ['${x}', '50%'], timeout: 2m } ] }\nvar: { x: y }",
            "hooks.stop",
            Mapped,
            &["exec_stop_post = [[\"b\", \"${x}\", \"50%%\"]]", "timeout_stop = \"120s\""],
        ),
        ("startup_timeout: 9s", "startup_timeout", WorksNow, &["route = { waiting_page_after = \"9s\" }"]),
        ("memory_limit: 500M", "memory_limit", WorksNow, &["sandbox = { memory_max = \"500M\" }"]),
        ("user: ann", "user", WorksNow, &["service = { user = \"ann\" }"]),
        ("group: web", "group", WorksNow, &["service = { group = \"web\" }"]),
        ("bot_detection: { enabled: true, action: ignore }", "bot_detection", WorksNow, &["bots = \"ignore\""]),
        ("public_dir: web", "public_dir", WorksNow, &["public = \"/app/web\""]),
        (
            "standalone_server: 'localhost:28080'",
            "standalone_server",
            WorksNow,
            &["path = \"/t\"\ntarget = \"http://localhost:28080\""],
        ),
        (
            "standalone_server: 'localhost:28080'\nmatch_pattern: '*/cable'",
            "standalone_server",
            WorksNow,
            &["pattern = \"^.*/cable$\""],
        ),
        ("match_pattern: '*/x'", "match_pattern", CannotBe, &[]),
        ("exclude_methods: [POST]", "exclude_methods", CannotBe, &[]),
        ("force_max_concurrent_requests: 1", "force_max_concurrent_requests", WorksNow, &["connections = 1"]),
        ("max_processes: 3", "max_processes", CannotBe, &[]),
        ("min_instances: 1", "min_instances", WorksNow, &["wanted_by = [\"boot\"]", "idle_stop = \"infinity\""]),
        ("idle_timeout: 10m", "idle_timeout", WorksNow, &[]),
        ("idle_timeout: 1h", "idle_timeout", WorksNow, &["service = { idle_stop = \"1h\" }"]),
        ("special: true", "special", Mapped, &[]),
        ("auth_realm: Ours", "auth_realm", WorksNow, &["realm = \"Ours\""]),
        ("auth_enabled: false", "auth_enabled", WorksNow, &["realm = \"off\""]),
        ("htpasswd: x", "htpasswd", WorksNow, &["htpasswd = \"/app/x\""]),
        ("colour: red", "colour", CannotBe, &[]),
    ];
    for (keys, key, verdict, fragments) in cases {
        let (yaml, import) = (one(keys), import(&one(keys)));
        let key = format!("applications.tenants[].{key}");
        let told = import.rows.iter().any(|row| row.key == key && row.verdict == *verdict && row.line > 0);
        assert!(told, "{yaml}\n{key} is not {verdict:?}: {:#?}", import.rows);
        let text = text(&import);
        fragments.iter().for_each(|fragment| assert!(text.contains(fragment), "{yaml}\nno {fragment} in\n{text}"));
    }
    judge(&[
        ("applications: { tenants: [ { root: /x } ] }", "applications.tenants[]", CannotBe, &[]),
        (
            "applications: { tenants: [ { path: /a }, { path: /a/ } ] }",
            "applications.tenants[]",
            CannotBe,
            &["name = \"a\""],
        ),
        ("applications: { tenants: [ { path: '/a b' } ] }", "applications.tenants[]", CannotBe, &[]),
        (
            "applications: { tenants: [ { path: /a/b }, { path: /a-b } ] }",
            "applications.tenants[].path",
            Mapped,
            &["name = \"a-b-2\""],
        ),
        (
            "server: { root_path: /s }\napplications: { tenants: [ { path: /s/ }, { path: /s/2025/x } ] }",
            "applications.tenants[].path",
            Mapped,
            &["name = \"index\"\nvars = { path = \"s\" }", "name = \"2025-x\"\nvars = { path = \"s/2025/x\" }"],
        ),
    ]);
}

#[test]
fn tenants_without_a_var_have_a_text_of_their_own() {
    let found = import(
        "applications: { env: { DB: 'sqlite:${db}' }, tenants: [ { path: /a, var: { db: x } }, { path: /b } ] }",
    );
    let text = file(&found, "units/app@.toml");
    assert!(text.contains("environment = { DB = \"sqlite:${db}\" }\n"), "{text}");
    assert!(text.contains("environment = { DB = \"sqlite:$${db}\" }\n"), "{text}");
}

#[test]
fn processes() {
    let yaml = "managed_processes:\n  - { name: redis, command: redis-server, args: ['--port', 6379], working_dir: db, env: { A: '5%' } }\n  \
                - { name: side kiq, command: bundle exec sidekiq, auto_restart: true, start_delay: 2 }\n  - { args: [x] }\n";
    let found = import(yaml);
    let redis = file(&found, "units/redis.toml");
    for line in [
        "# line 2\n[unit]\npriority = \"high\"\n",
        "exec_start = [\"redis-server\", \"--port\", \"6379\"]\nworking_directory = \"/app/db\"\n",
        "[service.environment]\nA = \"5%%\"\n",
    ] {
        assert!(redis.contains(line), "{line} in {redis}");
    }
    let sidekiq = file(&found, "units/side-kiq.toml");
    for line in ["after = [\"redis\"]", "exec_start = [\"bundle\", \"exec\", \"sidekiq\"]", "restart = \"always\""] {
        assert!(sidekiq.contains(line), "{line} in {sidekiq}");
    }
    for (key, verdict) in [
        ("[].name", Mapped),
        ("[].command", Mapped),
        ("[].args", Mapped),
        ("[].working_dir", Mapped),
        ("[].env", Mapped),
        ("[].auto_restart", Mapped),
        ("[].start_delay", Mapped),
        ("[].start_delay", WorksNow),
        ("[]", CannotBe),
    ] {
        let key = format!("managed_processes{key}");
        assert!(found.rows.iter().any(|row| row.key == key && row.verdict == verdict), "{key}: {:#?}", found.rows);
    }
    judge(&[("managed_processes: []", "managed_processes", AsIs, &[])]);
}

#[test]
fn hooks() {
    let yaml = "hooks:\n  server:\n    start:\n      - { command: script/a, timeout: 10s }\n      - { command: b, args: ['${X}', '%'] }\n    \
                ready: [ { command: c, reload_config: config/navigator.yml } ]\n    idle: [ { command: d } ]\n    \
                resume: [ { command: e, timeout: 30, env: { A: b }, working_dir: /w } ]\n    stop: [ { command: f, timeout: 5m } ]\n  \
                tenant: { start: [ { command: g } ], stop: [ { command: h } ] }\n\
                managed_processes: [ { name: redis, command: redis-server } ]\n\
                applications: { tenants: [ { path: /t } ] }\n";
    let found = import(yaml);
    for (unit, lines) in [
        (
            "hook-start",
            &[
                "# line 4\n[unit]\npriority = \"high\"\nwanted_by = [\"boot\"]\nafter = [\"redis\"]\n",
                "type = \"oneshot\"\nexec_start = [\"/app/script/a\"]\nworking_directory = \"/app\"\ntimeout_start = \"10s\"\n\
                 remain_after_exit = true\n",
            ][..],
        ),
        (
            "hook-start-2",
            &["after = [\"redis\", \"hook-start\"]\nrequires = [\"hook-start\"]\n", "[\"b\", \"$${X}\", \"%%\"]"],
        ),
        (
            "hook-ready",
            &[
                "wanted_by = [\"ready\"]",
                "\"import\", \"/app/config/navigator.yml\", \"--root\", \"/app\", \"--out\", \"/etc/tenantd\"",
                "[\"tenantd\", \"reload\"]",
            ],
        ),
        ("hook-idle", &["wanted_by = [\"idle\"]"]),
        (
            "hook-resume",
            &[
                "timeout_start = \"30s\"",
                "working_directory = \"/w\"",
                "environment = { A = \"b\" }",
                "wanted_by = [\"resume\"]",
            ],
        ),
        ("hook-stop", &["wanted_by = [\"shutdown\"]", "timeout_start = \"5m\""]),
        ("app@", &["requires = [\"hook-start-2\"]", "exec_start_pre = [[\"g\"]]", "exec_stop_post = [[\"h\"]]"]),
    ] {
        let text = file(&found, &format!("units/{unit}.toml"));
        lines.iter().for_each(|line| assert!(text.contains(line), "{line} in {text}"));
    }
    for (key, verdict) in [
        ("server.start", Mapped),
        ("server.ready", Mapped),
        ("server.idle", Mapped),
        ("server.resume", Mapped),
        ("server.stop", WorksNow),
        ("tenant.start", Mapped),
        ("tenant.stop", Mapped),
    ] {
        let key = format!("hooks.{key}");
        assert!(found.rows.iter().any(|row| row.key == key && row.verdict == verdict), "{key}: {:#?}", found.rows);
    }
    let said = found.changes.iter().any(|change| change.contains("hooks.server.stop begins to run"));
    assert!(said, "{:?}", found.changes);
    judge(&[("hooks: { server: { ready: [ { args: [x] } ] } }", "hooks.server.ready[]", CannotBe, &[])]);
}

#[test]
fn what_is_unknown_is_named_with_the_nearest_right_one() {
    for (yaml, key, line, hint) in [
        ("server:\n  lisen: 1", "server.lisen", 2, "did you mean \"listen\"?"),
        ("servers: {}", "servers", 1, "did you mean \"server\"?"),
        ("routes:\n  fly:\n    replays: []", "routes.fly.replays", 3, "did you mean \"replay\"?"),
        ("applications:\n  zzzzzzz: 1", "applications.zzzzzzz", 2, "leave it out"),
        ("1: 2", "1", 1, "leave it out"),
    ] {
        let found = import(yaml);
        let row = found.rows.iter().find(|row| row.key == key).unwrap_or_else(|| panic!("{yaml}: {:?}", found.rows));
        assert_eq!((row.line, row.verdict), (line, CannotBe), "{yaml}");
        assert!(row.became.starts_with("unknown key") && row.became.contains(hint), "{yaml}: {}", row.became);
    }
}

#[test]
fn what_is_of_another_kind_is_told() {
    judge(&[
        ("server: [1]", "server", CannotBe, &[]),
        ("- 1", "the file", CannotBe, &[]),
        ("hello", "the file", CannotBe, &[]),
        ("server: { listen: [1] }", "server.listen", CannotBe, &[]),
        ("server: { trust_proxy: maybe }", "server.trust_proxy", CannotBe, &[]),
        ("applications: { pools: { max_size: many } }", "applications.pools.max_size", CannotBe, &[]),
        ("applications: { env: [A] }", "applications.env", CannotBe, &[]),
        ("[1]: 2", "", CannotBe, &[]),
    ]);
}

#[test]
fn an_empty_file_and_more_documents() {
    let found = import("");
    assert_eq!((found.tenants, found.rows.len(), found.files.len()), (0, 0, 1));
    let found = import("server: { listen: 1 }\n---\nserver: { listen: 2 }\n---\nx");
    assert!(text(&found).contains("0.0.0.0:1"), "{}", text(&found));
    assert!(found.changes.iter().any(|change| change.starts_with("2 more YAML documents")), "{:?}", found.changes);
}

/// All names that Navigator or its documentation knows, to make files of.
const WORDS: [&str; 60] = [
    "server",
    "listen",
    "root_path",
    "static",
    "public_dir",
    "try_files",
    "cache_control",
    "overrides",
    "path",
    "max_age",
    "bot_detection",
    "enabled",
    "action",
    "cgi_scripts",
    "script",
    "env",
    "timeout",
    "health_check",
    "response",
    "headers",
    "idle",
    "cable",
    "auth",
    "htpasswd",
    "public_paths",
    "auth_patterns",
    "pattern",
    "routes",
    "redirects",
    "from",
    "to",
    "rewrites",
    "fly",
    "replay",
    "region",
    "sticky_sessions",
    "reverse_proxies",
    "prefix",
    "target",
    "applications",
    "pools",
    "max_size",
    "tenants",
    "var",
    "framework",
    "frameworks",
    "command",
    "args",
    "runtime",
    "hooks",
    "tenant",
    "start",
    "stop",
    "ready",
    "managed_processes",
    "name",
    "logging",
    "vector",
    "config",
    "maintenance",
];

fn yaml() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
        any::<String>().prop_map(Value::from),
        "[/${}%:a-z_.*()'\"\\\\ -]{0,12}".prop_map(Value::from),
        prop_oneof![
            Just("5m"),
            Just("1y"),
            Just("${SET}"),
            Just("${X:-y}"),
            Just("http://x"),
            Just("/t/"),
            Just("{{port}}")
        ]
        .prop_map(Value::from),
    ];
    scalar.prop_recursive(6, 200, 8, |inner| {
        let key = prop_oneof![9 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => proptest::collection::btree_map(key, inner, 0..8)
                .prop_map(|map| Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

proptest! {
    /// JSON is YAML. Whatever it says, the result is TOML, and every unit has a name that the loader takes.
    #[test]
    fn any_file_becomes_toml(value in yaml()) {
        let variables = |name: &str| (name == "SET").then(|| "v".to_owned());
        let options = Options { root: "/app".into(), source: "n.yml".into(), variables: &variables };
        if let Ok(import) = translate(&value.to_string(), &options) {
            for (path, text) in &import.files {
                prop_assert!(text.starts_with(MARK));
                let read = ::toml::from_str::<::toml::Table>(text);
                prop_assert!(read.is_ok(), "{}: {:?}\n{}", path.display(), read, text);
                let stem = path.file_stem().unwrap().to_str().unwrap().trim_end_matches('@');
                prop_assert!(crate::unit::Name::new(stem).is_ok(), "{}", stem);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let options = Options { root: "/app".into(), source: "n.yml".into(), variables: &|_| None };
        let _ = translate(&text, &options);
    }
}
