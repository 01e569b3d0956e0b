//! Each key of `applications`, its tenants, processes and hooks.

use super::*;

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
