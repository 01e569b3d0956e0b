//! Each key of `server`, `cable`, `logging`, `maintenance` and `auth`.

use super::*;

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
