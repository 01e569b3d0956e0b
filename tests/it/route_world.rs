//! A configuration in Showcase's shape: 371 tenants, 50 rules, 13 patterns of what is public and more.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path as File;

pub const TENANTS: usize = 371;
/// Files below /showcase of the front door, by path; `secret.rb` has an extension that is not served.
pub const FILES: [&str; 5] =
    ["assets/a.css", "regions.html", "studios/index.html", "2026/aaton/spring/page.html", "secret.rb"];
pub const YEARS: std::ops::Range<u64> = 2020..2027;

/// What a generated configuration holds.
pub struct World {
    /// Path of the route → name of the unit.
    pub tenants: BTreeMap<String, String>,
    pub cities: Vec<String>,
    /// With files, replays and readiness, which Navigator's file of it has not.
    pub whole: bool,
}

/// The part of a unit's name that no template has.
pub fn instance(name: &str) -> &str {
    name.rsplit('@').next().unwrap_or(name)
}

/// The same each time.
pub fn world() -> World {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap_or(0));
    let cities: Vec<String> = (0..49).map(|n| format!("{}{}ton", letter(n), letter(n / 7))).collect();
    let mut tenants = BTreeMap::from([
        ("/showcase".to_owned(), "index".to_owned()),
        ("/showcase/demo".to_owned(), "demo".to_owned()),
    ]);
    for (year, (n, city)) in YEARS.flat_map(|year| cities.iter().enumerate().map(move |city| (year, city))) {
        // Every seventh city has an event below it, too.
        for event in ["", "/spring"].iter().take(if n % 7 == 0 { 2 } else { 1 }) {
            if tenants.len() < TENANTS {
                let name = format!("showcase@{year}-{city}{}", event.replace('/', "-"));
                tenants.insert(format!("/showcase/{year}/{city}{event}"), name);
            }
        }
    }
    World { tenants, cities, whole: true }
}

impl World {
    /// The same configuration as Navigator has it.
    pub fn navigator(&self) -> String {
        let mut text = String::from(
            "server:\n  bot_detection: { enabled: true, action: reject }\n  cgi_scripts:\n    \
             - { path: /showcase/update_config, script: /bin/true, method: POST }\n\
             auth:\n  enabled: true\n  realm: Showcase\n  htpasswd: /data/htpasswd\n  \
             public_paths: [/showcase/assets/, '*.js', /favicon.ico]\n  auth_patterns:\n    \
             - { pattern: '^/showcase/?$', action: 'off' }\n",
        );
        for year in YEARS {
            let open: Vec<&str> = self.cities.iter().step_by(3).map(String::as_str).collect();
            let pattern = format!("^/showcase/{year}/({})/?$", open.join("|"));
            writeln!(text, "    - {{ pattern: '{pattern}', action: 'off' }}").unwrap();
        }
        text.push_str(
            "routes:\n  redirects:\n    \
             - { from: '^/showcase/(?<year>20[0-9][0-9])$', to: '/showcase/${year}/', status: 301 }\n    \
             - { from: '^/events/(.*)$', to: '/showcase/$1' }\n",
        );
        for n in 0..40 {
            let rule = format!("from: '^/studio-{n}(/.*)?$', to: '/showcase/studios/{n}$1', status: 308");
            writeln!(text, "    - {{ {rule}, methods: [GET] }}").unwrap();
        }
        text.push_str(
            "  rewrites:\n    - { from: '^/s/', to: '/showcase/' }\n    \
             - { from: '^/showcase/(20[0-9][0-9])/([a-z]+)/legacy/', to: '/showcase/$1/$2/' }\n  \
             reverse_proxies:\n    \
             - { name: password, path: '^/showcase/password(/.*)?$', target: 'https://origin.example.com/p$1' }\n    \
             - { name: api, prefix: /api, target: 'http://127.0.0.1:9' }\n\
             applications:\n  tenants:\n",
        );
        for (path, name) in &self.tenants {
            let bots = if name == "demo" { ", bot_detection: { enabled: true, action: ignore }" } else { "" };
            writeln!(text, "    - {{ path: {path}/, name: {}{bots} }}", instance(name)).unwrap();
        }
        text
    }

    /// Writes its files.
    pub fn write(&self, directory: &File) {
        let mut daemon = String::from(
            "runtime_directory = \"/run/t\"\n[auth]\nhtpasswd = \"/data/htpasswd\"\nrealm = \"Showcase\"\n\
             public = [\"/showcase/assets/\", \"*.js\", \"/favicon.ico\"]\nexclude = [\"^/showcase/?$\"",
        );
        for year in YEARS {
            let open: Vec<&str> = self.cities.iter().step_by(3).map(String::as_str).collect();
            write!(daemon, ", \"^/showcase/{year}/({})/?$\"", open.join("|")).unwrap();
        }
        daemon.push_str(
            "]\n[bots]\naction = \"reject\"\n\
             [[redirect]]\nfrom = \"^/showcase/(?<year>20[0-9][0-9])$\"\nto = \"/showcase/${year}/\"\nstatus = 301\n\
             [[redirect]]\nfrom = \"^/events/(.*)$\"\nto = \"/showcase/$1\"\n",
        );
        for n in 0..40 {
            let rule = "status = 308\nmethods = [\"GET\"]";
            writeln!(daemon, "[[redirect]]\nfrom = \"^/studio-{n}(/.*)?$\"\nto = \"/showcase/studios/{n}$1\"\n{rule}")
                .unwrap();
        }
        daemon.push_str(
            "[[rewrite]]\nfrom = \"^/s/\"\nto = \"/showcase/\"\n\
             [[rewrite]]\nfrom = \"^/showcase/(20[0-9][0-9])/([a-z]+)/legacy/\"\nto = \"/showcase/$1/$2/\"\n\
             [machine]\nregion = \"iad\"\napp = \"showcase\"\n\
             [[replay]]\npath = \"/eu\"\nregion = \"ams\"\n\
             [[replay]]\npath = \"/us\"\nregion = \"iad\"\n\
             [[replay]]\npattern = \"^/.*[.]pdf$\"\napp = \"pdf\"\n\
             [[cgi]]\npath = \"/showcase/update_config\"\nexec = [\"/bin/true\"]\nmethods = [\"POST\"]\n\
             [[proxy]]\nname = \"password\"\npattern = \"^/showcase/password(/.*)?$\"\ntarget = \"https://origin.example.com/p$1\"\n\
             [[proxy]]\nname = \"api\"\npath = \"/api\"\ntarget = \"http://127.0.0.1:9\"\n",
        );
        writeln!(
            daemon,
            "[health]\nready = \"/ready\"\n[static]\nroot = \"{}\"\nprefix = \"/showcase\"\ntrailing_slash = true\n\
             extensions = [\"css\", \"html\"]",
            directory.join("public").display()
        )
        .unwrap();
        for file in FILES.map(|file| directory.join("public").join(file)) {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "a file").unwrap();
        }
        let service = "[service]\nexec_start = \"true\"\n[route]\ntrailing_slash = true\n";
        let mut template = format!("{service}path = \"/showcase/${{path}}\"\n");
        for (path, name) in &self.tenants {
            if let (Some(path), Some(name)) = (path.strip_prefix("/showcase/"), name.strip_prefix("showcase@")) {
                writeln!(template, "[[instance]]\nname = \"{name}\"\nvars = {{ path = \"{path}\" }}").unwrap();
            }
        }
        fs::create_dir(directory.join("units")).unwrap();
        for (name, text) in [
            ("tenantd.toml", daemon),
            ("units/showcase@.toml", template),
            ("units/index.toml", format!("{service}path = \"/showcase\"\n")),
            ("units/demo.toml", format!("{service}path = \"/showcase/demo\"\nbots = \"ignore\"\n")),
        ] {
            fs::write(directory.join(name), text).unwrap();
        }
    }
}
