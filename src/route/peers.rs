//! The other machines, regions and apps that a request may be sent to by us: as many as the configuration names, each as a
//! [`Remote`] that no path leads to.

use std::collections::HashMap;
use std::time::Duration;

use super::Target;
use super::replay::Replays;
use super::sticky::Sticky;
use crate::config::{Config, Destination, FieldTemplate, Paths, ProxyKeys, Remote};

/// As long as a tenant there may take to boot, and its answer then.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every server that requests are sent to: those of `[[proxy]]` in their order, and the peers behind them.
pub fn remotes(config: &Config) -> Vec<Remote> {
    let own = config.fleet.machine.id.as_deref().unwrap_or("?");
    let peers = targets(config).into_iter().filter_map(|target| remote(&target, own));
    config.proxies.iter().cloned().chain(peers).collect()
}

/// The place of each address among them.
pub(super) fn places(config: &Config) -> HashMap<String, usize> {
    let addresses = targets(config).into_iter().filter_map(|target| target.address);
    addresses.zip(config.proxies.len()..).collect()
}

/// Those that have an address, each address once.
fn targets(config: &Config) -> Vec<Target> {
    let (fleet, port) = (&config.fleet, super::fleet::port(config));
    let mut all = Replays::new(&fleet.replays, &fleet.machine, port).targets();
    all.extend(
        fleet
            .sticky
            .iter()
            .filter_map(|sticky| Sticky::new(sticky, &fleet.machine, port))
            .flat_map(|sticky| sticky.targets()),
    );
    if let Some(placement) = &fleet.placement {
        let others = placement.machines.iter().filter(|machine| !fleet.machine.is(machine));
        all.extend(others.map(|machine| super::fleet::target(placement, machine, &fleet.machine, port)));
    }
    all.retain(|target| target.address.as_deref().is_some_and(|address| Destination::parse(address, None).is_ok()));
    all.sort_by(|a, b| a.address.cmp(&b.address));
    all.dedup_by(|a, b| a.address == b.address);
    all
}

/// The way to one. It hears who sends it the request, so that it does not send it on.
fn remote(target: &Target, own: &str) -> Option<Remote> {
    let destination = Destination::parse(target.address.as_deref()?, None).ok()?;
    let hop = FieldTemplate::parse(own).ok()?;
    let keys = ProxyKeys {
        name: target.to_string().replace(' ', "-"),
        headers: vec![(crate::http::HOP.to_owned(), hop)],
        // Our own machines may know what we know.
        authorization: Some(!target.foreign),
        preserve_host: true,
        timeout_response: PATIENCE,
        websocket: true,
        ..ProxyKeys::default()
    };
    Some(Remote { keys, paths: Paths::Below(String::new()), targets: vec![destination] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Machine, Placement, PlacementKeys, Replay, ReplayKeys};

    #[test]
    fn each_address_has_one_place_behind_the_proxies() {
        let mut config = Config::default();
        config.fleet.machine = Machine { id: Some("one".into()), region: None, app: Some("app".into()) };
        let rule = |region: &str| Replay { keys: ReplayKeys { region: Some(region.into()), ..ReplayKeys::default() } };
        config.fleet.replays = vec![rule("iad"), rule("ams"), rule("iad")];
        let keys = PlacementKeys { target: Some("http://${machine}.internal:80".into()), ..PlacementKeys::default() };
        let machines = ["one", "two"].map(str::to_owned).to_vec();
        config.fleet.placement = Some(Placement { keys, machines, places: Vec::new() });
        config.proxies.push(remote(&Target { address: Some("http://x".into()), ..Target::default() }, "one").unwrap());
        let urls: Vec<String> = remotes(&config).into_iter().map(|remote| remote.targets[0].url.clone()).collect();
        let expected =
            ["http://x", "http://ams.app.internal:3000", "http://iad.app.internal:3000", "http://two.internal:80"];
        assert_eq!(urls, expected);
        let places = places(&config);
        for (place, url) in expected.iter().enumerate().skip(1) {
            assert_eq!(places.get(*url), Some(&place));
        }
        assert_eq!(places.get("http://one.internal:80"), None);
    }
}
