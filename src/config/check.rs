//! What tenantd.toml and the units must not say together.

use std::net::SocketAddr;
use std::path::Path;

use super::{Config, RequestLimit, auth, budget, fleet};
use crate::unit::layers::Layers;
use crate::unit::load::Draft;
use crate::unit::nearest::hint;
use crate::unit::report::Report;
use crate::unit::section::Section;
use crate::unit::{Listen, Target};

/// Names in the runtime directory that are tenantd's own.
const OWN_SOCKETS: [&str; 2] = ["control.sock", "notify.sock"];

/// Checks the daemon's configuration against all units.
pub(super) fn together(config: &Config, daemon: &Layers<'_>, drafts: &[Draft<'_>], report: &mut Report) {
    for draft in drafts.iter().filter(|draft| draft.sound) {
        health(config, draft, report);
        socket(config, draft, report);
        runtime_directory(config, draft, report);
    }
    proxy_protocol(config, daemon, report);
    limits(config, daemon, drafts, report);
    health_unit(config, daemon, drafts, report);
    maintenance(config, daemon, drafts, report);
    fleet::together(config, daemon, drafts, report);
    auth::together(config, daemon, drafts, report);
    budget::check(config, daemon, drafts, report);
}

/// A PROXY header says who asks: it is worth as much as the trust in who writes it.
fn proxy_protocol(Config { http, .. }: &Config, daemon: &Layers<'_>, report: &mut Report) {
    if http.listen_proxy_protocol.is_empty() {
        return;
    }
    let place = daemon.place("http", "listen_proxy_protocol");
    if http.trusted_proxies.is_empty() {
        let message =
            "[http] listen_proxy_protocol: nobody could connect; list your balancers in [http] trusted_proxies";
        report.error(place, message);
    }
    let twice = |address: &&SocketAddr| address.port() != 0 && http.listen.contains(address);
    if let Some(address) = http.listen_proxy_protocol.iter().find(twice) {
        report.error(
            place,
            format!("[http] listen_proxy_protocol: {address} is in [http] listen too; choose another port"),
        );
    }
}

/// A limit of units that do not exist protects nobody.
fn limits(config: &Config, daemon: &Layers<'_>, drafts: &[Draft<'_>], report: &mut Report) {
    for (index, limit) in config.limits.iter().enumerate() {
        for pattern in &limit.units {
            if !drafts.iter().any(|draft| draft.unit.route.is_some() && pattern.matches(draft.unit.name.as_str())) {
                let message = format!("[[limit]] units: \"{}\" matches no unit with a route", pattern.as_str());
                report.warning(daemon.item_place("", RequestLimit::DOC.name, index), message);
            }
        }
    }
}

/// The health check would hide a tenant of the same path.
fn health(config: &Config, Draft { unit, layers, .. }: &Draft<'_>, report: &mut Report) {
    let checks = [("path", Some(&config.health.path)), ("ready", config.health.ready.as_ref())];
    let hidden = |path: &String| unit.route.as_ref().is_some_and(|route| route.path == *path);
    for (key, path) in checks.iter().filter_map(|(key, path)| path.filter(|path| hidden(path)).map(|path| (key, path)))
    {
        let message =
            format!("[route] path: \"{path}\" is the health check; change it, or [health] {key} in tenantd.toml");
        report.error(layers.place("route", "path"), message);
    }
}

/// A health check that nobody answers would keep every deploy out.
fn health_unit(config: &Config, daemon: &Layers<'_>, drafts: &[Draft<'_>], report: &mut Report) {
    let Some(name) = &config.health.unit else { return };
    if !drafts.iter().any(|draft| draft.unit.route.is_some() && draft.unit.name == *name) {
        let routed = drafts.iter().filter(|draft| draft.unit.route.is_some());
        let hint = hint(name.as_str(), routed.map(|draft| draft.unit.name.as_str()));
        let message = format!("[health] unit: there is no unit {name} with a route{hint}");
        report.error(daemon.place("health", "unit"), message);
    }
}

/// Where nothing is waited for, the end comes with the beginning.
fn maintenance(config: &Config, daemon: &Layers<'_>, drafts: &[Draft<'_>], report: &mut Report) {
    let first = |draft: &Draft<'_>| draft.unit.wanted_by.iter().any(|it| matches!(it, Target::Boot | Target::Ready));
    if config.maintenance.until_ready && !drafts.iter().any(first) {
        let message =
            "[maintenance] until_ready: no unit has wanted_by = [\"boot\"] or [\"ready\"], so it ends at once";
        report.warning(daemon.place("maintenance", "until_ready"), message);
    }
}

fn socket(config: &Config, Draft { unit, layers, .. }: &Draft<'_>, report: &mut Report) {
    let taken = match unit.socket.as_ref().map(|socket| &socket.listen) {
        Some(Listen::Unix(path)) => own_socket(&config.runtime_directory, path),
        Some(Listen::Tcp(address)) if address.port() != 0 => config
            .http
            .doors()
            .any(|front| front.port() == address.port() && (front.ip().is_unspecified() || front.ip() == address.ip())),
        _ => false,
    };
    if taken {
        let place = layers.place("socket", "listen");
        report.error(place, "[socket] listen: tenantd itself listens there; choose another address");
    }
}

/// It is removed when the unit is down, with all that is in it.
fn runtime_directory(config: &Config, Draft { unit, layers, .. }: &Draft<'_>, report: &mut Report) {
    let own = &config.runtime_directory;
    let holds = |name: &Path| {
        [Some(Path::new("/run")), own.parent()].into_iter().flatten().any(|base| own.starts_with(base.join(name)))
    };
    if let Some(index) = unit.service.runtime_directory.iter().position(|name| holds(name)) {
        let place = layers.item_place("service", "runtime_directory", index);
        report.error(place, "[service] runtime_directory: tenantd's own files are there; choose another name");
    }
}

fn own_socket(runtime: &Path, path: &Path) -> bool {
    path.strip_prefix(runtime).is_ok_and(|rest| OWN_SOCKETS.iter().any(|own| rest == Path::new(own)))
}
