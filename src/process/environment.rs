//! The complete environment of a service: what it is given and nothing else of ours. Pure.

use std::collections::BTreeMap;

use super::user::Ids;
use crate::unit::Service;

/// systemd's default `PATH` (systemd.exec(5)), used where we have none ourselves.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What every service inherits, since it says where programs are and how text is read, and never a secret.
const INHERITED: [&str; 5] = ["PATH", "LANG", "LC_ALL", "TZ", "TERM"];

/// The variables of a process of `service`. Later ones win: ours, the user's, `pass_environment`, `environment`, then
/// `given` (`NOTIFY_SOCKET`, `PORT`).
pub fn complete<'a>(
    service: &Service,
    ids: &Ids,
    ours: impl Fn(&str) -> Option<String>,
    given: impl IntoIterator<Item = (&'a str, String)>,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
    let mut inherit = |name: &str| ours(name).map(|value| all.insert(name.to_owned(), value));
    INHERITED.into_iter().for_each(|name| drop(inherit(name)));
    all.extend(login(ids));
    all.extend(service.pass_environment.iter().filter_map(|name| Some((name.clone(), ours(name)?))));
    all.extend(service.environment.clone());
    all.extend(given.into_iter().map(|(name, value)| (name.to_owned(), value)));
    all
}

/// What login(1) would set.
fn login(ids: &Ids) -> impl Iterator<Item = (String, String)> {
    let name = ids.name.clone().unwrap_or_else(|| ids.uid.to_string());
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let texts = [("HOME", path(&ids.home)), ("USER", name.clone()), ("LOGNAME", name), ("SHELL", path(&ids.shell))];
    texts.into_iter().map(|(key, value)| (key.to_owned(), value))
}
