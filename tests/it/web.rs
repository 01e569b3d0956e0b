//! The template `web@` of the test tenant, with what a test wants different.

use std::fs;

use crate::setup::Setup;

/// `units/web@.toml`: tenants at `/INSTANCE`, whose program is the origin.
pub struct Web {
    instances: Vec<String>,
    variables: Vec<(String, String)>,
    service: String,
    socket: String,
    route: String,
}

/// Tenants of these names.
pub fn web(instances: &[&str]) -> Web {
    let web = Web {
        instances: instances.iter().map(|&name| name.to_owned()).collect(),
        variables: Vec::new(),
        service: String::new(),
        socket: "listen = \"unix:%t/%n.sock\"\n".into(),
        route: String::new(),
    };
    web.set("TENANT", "%i").set("COUNT_FILE", "@DIR@/count").set("EVENTS_FILE", "@DIR@/events")
}

impl Web {
    /// A variable of the tenants.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Lines of `[service]`.
    pub fn service(mut self, text: &str) -> Self {
        self.service.push_str(text);
        self.service.push('\n');
        self
    }

    /// `pass = "port"`.
    pub fn by_port(mut self) -> Self {
        self.socket = "listen = \"tcp:127.0.0.1:0\"\npass = \"port\"\n".into();
        self
    }

    /// Lines of `[route]`; the path is `/%i`.
    pub fn route(mut self, text: &str) -> Self {
        self.route.push_str(text);
        self.route.push('\n');
        self
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| format!("{name} = \"{value}\"")).collect();
        let command = if self.service.contains("exec_start =") { "" } else { "exec_start = [\"@ORIGIN@\"]\n" };
        let path = if self.route.contains("path =") || self.route.contains("host =") { "" } else { "path = \"/%i\"\n" };
        let mut text = format!(
            "[service]\n{command}environment = {{ {} }}\n{}\n[socket]\n{}\n[route]\n{path}{}\n",
            variables.join(", "),
            self.service,
            self.socket,
            self.route
        );
        for name in &self.instances {
            text.push_str(&format!("[[instance]]\nname = \"{name}\"\n"));
        }
        text
    }
}

impl Setup {
    /// Adds the template.
    pub fn web(self, web: &Web) -> Self {
        self.unit("web@.toml", &web.text())
    }

    /// Makes a file in the configuration directory: a gate that is open, a reason to crash.
    pub fn touch(self, name: &str) -> Self {
        fs::write(self.path().join(name), "").expect("a file");
        self
    }
}
