//! Every key of tenantd.toml is read.

use super::*;

const FLEET: &str = r#"
[machine]
id = "one"
region = "iad"
app = "own"
[[replay]]
path = "/"
region = "ams"
prefer = true
status = 409
methods = ["GET"]
timeout = "5s"
fallback = "none"
port = 80
[[replay]]
pattern = '\.pdf$'
app = "pdf"
machine = "e28"
[sticky]
name = "m"
max_age = "1h"
secure = false
http_only = false
same_site = "strict"
path = "/a"
paths = ["/a/*"]
secret_env = "SECRET"
via = "proxy"
target = "http://${machine}:80"
machines = ["one", "two"]
[[variant]]
name = "beta"
units = ["web@*"]
to = "beta@%i"
share = 10
cookie = "beta=1"
header = "X-Beta: 1"
query = "beta"
"#;

/// What that says.
fn fleet() -> Fleet {
    let some = |text: &str| Some(text.to_owned());
    let pair = |text, between| Some(Pair::parse(text, between).unwrap());
    let region = ReplayKeys {
        path: some(""),
        region: some("ams"),
        prefer: true,
        status: 409,
        methods: words(&["GET"]),
        timeout: Some(Duration::from_secs(5)),
        fallback: Some(Fallback::Nobody),
        port: Some(80),
        ..ReplayKeys::default()
    };
    let pdf = ReplayKeys {
        pattern: Some(Expression::new(r"\.pdf$").unwrap()),
        app: some("pdf"),
        machine: some("e28"),
        ..ReplayKeys::default()
    };
    let sticky = StickyKeys {
        name: "m".into(),
        max_age: Duration::from_secs(3600),
        secure: false,
        http_only: false,
        same_site: SameSite::Strict,
        path: "/a".into(),
        paths: words(&["/a/*"]),
        secret_file: None,
        secret_env: some("SECRET"),
        via: Via::Proxy,
        target: some("http://${machine}:80"),
        machines: words(&["one", "two"]),
    };
    let variant = Variant {
        name: "beta".into(),
        units: vec![unit::Pattern::new("web@*")],
        to: "beta@%i".into(),
        share: Some(10),
        cookie: pair("beta=1", '='),
        header: pair("X-Beta: 1", ':'),
        query: pair("beta", '='),
    };
    Fleet {
        machine: Machine { id: some("one"), region: some("iad"), app: some("own") },
        replays: vec![Replay { keys: region }, Replay { keys: pdf }],
        sticky: Some(Sticky { keys: sticky, secret: None }),
        placement: None,
        variants: vec![variant],
    }
}

#[test]
fn a_placement() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("machines");
    fs::write(&file, "one\ntwo # the new one\n").unwrap();
    let listed = "[machine]\nid = 'one'\n[placement]\nmachines = ['one', 'two']\nby = 'list'\nvia = 'redirect'\n\
        target = 'https://${machine}.example.com/'\n[[place]]\nunits = ['web']\nmachine = 'two'";
    let web = ("units/web.toml", "[service]\nexec_start = 'true'\n[route]\npath = '/'");
    let placement = loaded(&[("tenantd.toml", listed), web]).config.fleet.placement.unwrap();
    let expected = Placement {
        keys: PlacementKeys {
            machines: words(&["one", "two"]),
            by: PlaceBy::List,
            via: Via::Redirect,
            target: Some("https://${machine}.example.com".into()),
            ..PlacementKeys::default()
        },
        machines: words(&["one", "two"]),
        places: vec![Place { units: vec![unit::Pattern::new("web")], machine: "two".into() }],
    };
    assert_eq!(placement, expected);
    assert_eq!(placement.address("two").as_deref(), Some("https://two.example.com"));
    let from_file = format!("[machine]\nid = 'two'\n[placement]\nfile = '{}'", file.display());
    let placement = loaded(&[("tenantd.toml", &from_file)]).config.fleet.placement.unwrap();
    assert_eq!((placement.machines, placement.keys.by), (words(&["one", "two"]), PlaceBy::Hash));
}

fn redirect((from, to): (&str, &str), status: u16, methods: &[&str], host: Option<&str>) -> Redirect {
    let from = Expression::new(from).unwrap();
    let to = Replacement::anywhere(to, &from).unwrap();
    Redirect { when: When { from, methods: words(methods), host: host.map(str::to_owned) }, to, status }
}

/// What a `[[cgi]]` has that says nothing.
fn plain_script() -> Cgi {
    Cgi {
        path: String::new(),
        exec: Vec::new(),
        methods: words(&["GET", "HEAD", "POST"]),
        user: None,
        group: None,
        allowed_users: Vec::new(),
        environment: [].into(),
        pass_environment: Vec::new(),
        working_directory: None,
        timeout: Duration::from_secs(30),
        reload_config: false,
        memory_max: None,
        running: 4,
    }
}

#[test]
fn every_key_of_the_daemon() {
    let text = "runtime_directory = '/r'\n[http]\nlisten = ['[::]:80', '127.0.0.1:0']\n\
        listen_proxy_protocol = '127.0.0.1:81'\ntrusted_proxies = ['10.0.0.0/8']\nwaiting = 9\nnever_wake = ['*.php']\n\
        traceparent = false\ntimeout_head = 1\ntimeout_keep_alive = '2m'\n\
        timeout_response = '3s'\ntimeout_body = '4s'\ntimeout_tunnel = '5h'\nbody_rate = 7\n\
        connections_per_client = 8\n[[limit]]\nname = 'login'\nrate = '10/m'\nburst = 3\nby = 'tenant'\npath = '/login'\n\
        methods = ['POST']\nunits = ['showcase@*']\n[[limit]]\nname = 'all'\nrate = '20/s'\n\
        [[redirect]]\nfrom = '^/a/(.*)'\nto = '/b/$1'\nstatus = 308\nmethods = ['GET']\nhost = 'Example.com'\n[[redirect]]\nfrom = 'x'\n\
        to = 'y'\n[[rewrite]]\nfrom = '^/c'\nto = '/d?'\nmethods = ['POST']\n[bots]\naction = 'static-only'\nagents = ['^curl/']\n[[proxy]]\nname = 'api'\n\
        path = '/api'\nmethods = ['GET']\ntargets = ['http://a/v1', 'https://b/v1']\nstrip = true\nheaders = { X-Site = '$host' }\n\
        response_headers = { X-Frame-Options = 'DENY' }\nwebsocket = false\nauthorization = true\npreserve_host = true\n\
        health_path = '/up?x'\nhealth_interval = '5s'\ntimeout_connect = 2\ntimeout_response = '9s'\ntimeout_idle = '1m'\n\
        connections = 8\n[[proxy]]\nname = 'pw'\npattern = '^/password(/.*)'\ntarget = 'unix:/run/pw.sock:/x$1'\n\
        [[cgi]]\npath = '/a'\nexec = \"x 'y z'\"\nmethods = ['PUT']\nuser = 'root'\ngroup = '7'\nallowed_users = ['ann']\n\
        environment = { A = 'b' }\npass_environment = ['C']\nworking_directory = '/w'\ntimeout = '5m'\n\
        reload_config = true\nmemory_max = '1M'\nrunning = 2\n[[cgi]]\npath = '/b/*'\nexec = 'x'\n[health]\npath = '/alive'\nready = '/ready'\nstatus = 204\nbody = 'x'\ncontent_type = 'a/b'\nunit = 'web'\n\
        [static]\nroot = '/p'\nprefix = '/s'\ntry_files = ['.htm']\nextensions = ['css']\ntrailing_slash = true\nmax_age = 0\n\
        immutable = true\n[[cache]]\npath = '/assets/'\nmax_age = '365d'\nimmutable = true\n[[cache]]\npath = '/x'\n\
        [maintenance]\nenabled = true\npage = '/503.html'\nuntil_ready = true\nretry_after = 9\n[auth]\nhtpasswd = '/h'\n\
        realm = 'R'\npublic = ['/a/']\nexclude = ['^/$']\nplain = true\n[pool]\nboots = 6\n\
        [shutdown]\nbudget = '7s'\n[log]\naccess = false\ntimestamps = false\n[control]\nmode = '0660'";
    let expected = Config {
        runtime_directory: "/r".into(),
        http: Http {
            listen: vec!["[::]:80".parse().unwrap(), "127.0.0.1:0".parse().unwrap()],
            listen_proxy_protocol: vec!["127.0.0.1:81".parse().unwrap()],
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            waiting: 9,
            never_wake: vec!["*.php".into()],
            traceparent: false,
            timeout_head: Duration::from_secs(1),
            timeout_keep_alive: Duration::from_secs(120),
            timeout_response: Duration::from_secs(3),
            timeout_body: Duration::from_secs(4),
            timeout_tunnel: Duration::from_secs(5 * 3600),
            body_rate: 7,
            connections_per_client: Some(8),
        },
        limits: vec![
            RequestLimit {
                name: "login".into(),
                rate: Rate { count: 10, per: Duration::from_secs(60) },
                burst: 3,
                by: By::Tenant,
                path: "/login".into(),
                methods: vec!["POST".into()],
                units: vec![unit::Pattern::new("showcase@*")],
            },
            RequestLimit {
                name: "all".into(),
                rate: Rate { count: 20, per: Duration::from_secs(1) },
                burst: 20,
                by: By::Client,
                path: String::new(),
                methods: vec![],
                units: vec![],
            },
        ],
        health: Health {
            path: "/alive".into(),
            ready: Some("/ready".into()),
            status: 204,
            body: "x".into(),
            content_type: "a/b".into(),
            unit: Name::new("web").ok(),
        },
        files: Static {
            root: Some("/p".into()),
            prefix: "/s".into(),
            try_files: vec![".htm".into()],
            extensions: vec!["css".into()],
            trailing_slash: true,
            max_age: Some(Duration::ZERO),
            immutable: true,
        },
        cache: vec![
            CacheRule { path: "/assets/".into(), max_age: Some(Duration::from_secs(365 * 86400)), immutable: true },
            CacheRule { path: "/x".into(), max_age: None, immutable: false },
        ],
        maintenance: Maintenance {
            enabled: true,
            page: Some("/503.html".into()),
            until_ready: true,
            retry_after: Duration::from_secs(9),
        },
        scripts: vec![
            Cgi {
                path: "/a".into(),
                exec: vec!["x".into(), "y z".into()],
                methods: vec!["PUT".into()],
                user: Some("root".into()),
                group: Some("7".into()),
                allowed_users: vec!["ann".into()],
                environment: [("A".into(), "b".into())].into(),
                pass_environment: vec!["C".into()],
                working_directory: Some("/w".into()),
                timeout: Duration::from_secs(300),
                reload_config: true,
                memory_max: Some(1 << 20),
                running: 2,
            },
            Cgi { path: "/b/*".into(), exec: vec!["x".into()], ..plain_script() },
        ],
        proxies: proxies(),
        redirects: vec![
            redirect(("^/a/(.*)", "/b/$1"), 308, &["GET"], Some("example.com")),
            redirect(("x", "y"), 302, &[], None),
        ],
        rewrites: vec![Rewrite {
            to: redirect(("^/c", "/d?"), 302, &[], None).to,
            when: redirect(("^/c", "/d?"), 302, &["POST"], None).when,
        }],
        bots: Bots { action: unit::BotAction::StaticOnly, agents: vec![Expression::new("^curl/").unwrap()] },
        fleet: fleet(),
        auth: Auth {
            htpasswd: Some("/h".into()),
            realm: "R".into(),
            public: vec!["/a/".into()],
            exclude: vec!["^/$".into()],
            plain: true,
        },
        pool: Pool { boots: 6, running: None },
        shutdown: Shutdown { budget: Duration::from_secs(7) },
        log: Log { access: false, timestamps: false },
        control: Control { mode: 0o660 },
    };
    let web = ("units/web.toml", "[service]\nexec_start = 'a'\n[route]\npath = '/w'\n[unit]\nwanted_by = ['boot']");
    assert_eq!(loaded(&[("tenantd.toml", &format!("{text}\n{FLEET}")), web]).config, expected);
    let one = loaded(&[("tenantd.toml", "http.listen = '0.0.0.0:80'")]);
    assert_eq!(one.config.http.listen, ["0.0.0.0:80".parse().unwrap()]);
}

/// What the two `[[proxy]]` above say.
fn proxies() -> Vec<Remote> {
    let pattern = Expression::new("^/password(/.*)").unwrap();
    let api = ProxyKeys {
        name: "api".into(),
        path: Some("/api".into()),
        methods: words(&["GET"]),
        targets: words(&["http://a/v1", "https://b/v1"]),
        strip: Strip::Path,
        headers: vec![("X-Site".into(), FieldTemplate::parse("$host").unwrap())],
        response_headers: vec![("X-Frame-Options".into(), "DENY".into())],
        websocket: false,
        authorization: Some(true),
        preserve_host: true,
        health_path: Some("/up?x".into()),
        health_interval: Duration::from_secs(5),
        timeout_connect: Duration::from_secs(2),
        timeout_response: Duration::from_secs(9),
        timeout_idle: Some(Duration::from_secs(60)),
        connections: 8,
        ..ProxyKeys::default()
    };
    let password = ProxyKeys {
        name: "pw".into(),
        pattern: Some(pattern.clone()),
        target: Some("unix:/run/pw.sock:/x$1".into()),
        websocket: true,
        authorization: None,
        ..ProxyKeys::default()
    };
    let targets = ["http://a/v1", "https://b/v1"].map(|url| Destination::parse(url, None).unwrap());
    let own = Destination::parse("unix:/run/pw.sock:/x$1", Some(pattern.regex())).unwrap();
    let own = Remote { keys: password, paths: Paths::Matching(pattern), targets: vec![own] };
    assert!(own.passes_authorization());
    vec![Remote { keys: api, paths: Paths::Below("/api".into()), targets: targets.to_vec() }, own]
}
