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
    let ours = |name: &str| Some((name.to_owned(), ours(name)?));
    let mut all = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
    all.extend(INHERITED.into_iter().filter_map(ours));
    all.extend(login(ids));
    all.extend(service.pass_environment.iter().filter_map(|name| ours(name)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn service(environment: &[(&str, &str)], pass: &[&str]) -> Service {
        Service {
            exec_start: vec!["/bin/true".into()],
            environment: environment.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            pass_environment: pass.iter().map(|name| (*name).into()).collect(),
            ..Service::default()
        }
    }

    fn rails() -> Ids {
        let (home, shell) = ("/home/rails".into(), "/bin/bash".into());
        Ids { uid: 1000, gid: 1000, groups: vec![1000], insists: false, name: Some("rails".into()), home, shell }
    }

    const OURS: [(&str, &str); 5] =
        [("PATH", "/opt/bin"), ("LANG", "C.UTF-8"), ("SECRET", "s3cret"), ("RAILS_MASTER_KEY", "k"), ("HOME", "/root")];

    fn environment(service: &Service, ours: &[(&str, &str)], given: &[(&'static str, &str)]) -> String {
        let ours = |name: &str| ours.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let given = given.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let all = complete(service, &rails(), ours, given);
        all.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn nothing_else_of_ours_is_inherited() {
        let login = "HOME=/home/rails LANG=C.UTF-8 LOGNAME=rails PATH=/opt/bin SHELL=/bin/bash USER=rails";
        assert_eq!(environment(&service(&[], &[]), &OURS, &[]), login);
    }

    #[test]
    fn path_has_a_default() {
        let all = environment(&service(&[], &[]), &[], &[]);
        assert_eq!(all, format!("HOME=/home/rails LOGNAME=rails PATH={PATH} SHELL=/bin/bash USER=rails"));
    }

    #[test]
    fn later_ones_win() {
        let service = service(&[("LANG", "de"), ("PORT", "1"), ("A", "x")], &["RAILS_MASTER_KEY", "HOME", "NONE", "A"]);
        let all = environment(&service, &OURS, &[("PORT", "2")]);
        let expected = "A=x HOME=/root LANG=de LOGNAME=rails PATH=/opt/bin PORT=2 RAILS_MASTER_KEY=k SHELL=/bin/bash \
                        USER=rails";
        assert_eq!(all, expected);
    }

    #[test]
    fn a_user_without_a_name_is_its_number() {
        let ids = Ids { name: None, ..rails() };
        let all = complete(&service(&[], &[]), &ids, |_| None, []);
        assert_eq!((all["USER"].as_str(), all["LOGNAME"].as_str()), ("1000", "1000"));
    }
}
