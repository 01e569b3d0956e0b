//! What one unit must not say, although each of its values is right (systemd's `service_verify`, `socket_verify`).

use super::layers::Layers;
use super::load::Draft;
use super::preload;
use super::report::Report;
use super::{Listen, Pass, Priority, Restart, Sandbox, Service, ServiceType, Socket, Unit};

/// Checks one unit by itself; mends what systemd mends.
pub(crate) fn unit(draft: &mut Draft<'_>, report: &mut Report) {
    let Draft { unit, layers, .. } = draft;
    service(&mut unit.service, layers, report);
    settings(&unit.service, layers, report);
    sandbox(&unit.sandbox, layers, report);
    if unit.route.is_some() {
        tenant(unit, layers, report);
    } else if unit.service.idle_stop.is_some() {
        let place = layers.place("service", "idle_stop");
        report.error(
            place,
            "[service] idle_stop: only a unit with a [route] can be idle; add a [route], or leave idle_stop out",
        );
    }
    if unit.service.essential && unit.service.idle_stop.is_some() {
        let place = layers.place("service", "idle_stop");
        report.warning(
            place,
            "[service] idle_stop: its idle stop is not the container's end, although it is essential; leave one of them out",
        );
    }
    if let Some(held) = &unit.socket {
        socket(held, layers, report);
    }
    preload::check(draft, report);
}

fn service(service: &mut Service, layers: &Layers<'_>, report: &mut Report) {
    let oneshot = service.kind == ServiceType::Oneshot;
    if oneshot && service.restart == Restart::Always {
        let place = layers.place("service", "restart");
        report.error(
            place,
            "[service] restart: a oneshot that always restarts never ends; write \"on-failure\" or \"no\"",
        );
    }
    if !oneshot && service.remain_after_exit {
        let place = layers.place("service", "remain_after_exit");
        report.warning(
            place,
            "[service] remain_after_exit: only a oneshot remains active; write type = \"oneshot\", or leave it out",
        );
    }
    if service.restart_max_delay_sec < service.restart_sec {
        let place = layers.place("service", "restart_max_delay_sec");
        report.warning(
            place,
            "[service] restart_max_delay_sec: shorter than restart_sec, which is lowered to it; raise it",
        );
        service.restart_sec = service.restart_max_delay_sec;
    }
}

fn sandbox(sandbox: &Sandbox, layers: &Layers<'_>, report: &mut Report) {
    if let (Some(high), Some(max)) = (sandbox.memory_high, sandbox.memory_max)
        && high > max
    {
        let place = layers.place("sandbox", "memory_high");
        report.warning(place, "[sandbox] memory_high: above memory_max, so that it never acts; lower it");
    }
}

fn settings(service: &Service, layers: &Layers<'_>, report: &mut Report) {
    if service.group.is_some() && service.user.as_ref().is_some_and(|user| user.contains(':')) {
        let place = layers.place("service", "group");
        report.error(place, "[service] group: user names a group already; leave one of them out");
    }
    let modes = [
        ("runtime_directory_mode", "runtime_directory", service.runtime_directory.is_empty()),
        ("state_directory_mode", "state_directory", service.state_directory.is_empty()),
    ];
    for (key, other, _) in modes.into_iter().filter(|(key, _, none)| *none && layers.node("service", key).is_some()) {
        let place = layers.place("service", key);
        report.warning(place, format!("[service] {key}: there is no {other}; add it, or leave this out"));
    }
}

fn tenant(unit: &Unit, layers: &Layers<'_>, report: &mut Report) {
    if unit.priority == Priority::High {
        let place = layers.place("unit", "priority");
        report.error(
            place,
            "[unit] priority: a unit with a [route] starts at its first request; leave priority = \"high\" out",
        );
    }
    if unit.service.kind == ServiceType::Oneshot {
        let place = layers.place("service", "type");
        report.error(
            place,
            "[service] type: a oneshot ends before it could answer its [route]; write \"exec\" or \"notify\"",
        );
    }
}

fn socket(socket: &Socket, layers: &Layers<'_>, report: &mut Report) {
    let Listen::Unix(path) = &socket.listen else {
        if layers.node("socket", "mode").is_some() {
            report.warning(
                layers.place("socket", "mode"),
                "[socket] mode: only a unix socket has permission bits; leave it out",
            );
        }
        return;
    };
    if socket.pass == Pass::Port {
        let message =
            "[socket] pass: \"port\" needs a tcp address; write listen = \"tcp:127.0.0.1:0\", or leave listen out";
        report.error(layers.place("socket", "pass"), message);
    }
    let length = path.as_os_str().len();
    if length > Listen::PATH_MAX && layers.node("socket", "listen").is_none() {
        let most = Listen::PATH_MAX;
        let message = format!(
            "[socket] listen: \"{}\" has {length} bytes, and a unix socket's path at most {most}; set a shorter one",
            path.display()
        );
        report.error(layers.place("socket", "listen"), message);
    }
}
