//! Users and groups from `/etc/passwd` and `/etc/group`, read as text: a static binary has no NSS, and PID 1 must not
//! wait for a directory server.

use std::fmt;
use std::path::PathBuf;

use crate::unit::Service;

/// A user as numbers, with what login(1) would put into the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups, the primary one included.
    pub groups: Vec<u32>,
    /// Some of these were asked for by name: to go without them is an error.
    pub insists: bool,
    /// Login name, if `/etc/passwd` has one.
    pub name: Option<String>,
    /// Home directory; `/` if unknown.
    pub home: PathBuf,
    /// Login shell; `/bin/sh` if unknown.
    pub shell: PathBuf,
}

/// No such user or group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoUser {
    /// `/etc/passwd` lacks it.
    User(String),
    /// `/etc/group` lacks it.
    Group(String),
}

impl fmt::Display for NoUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "no user \"{name}\" in /etc/passwd; add it to the image, or use numbers"),
            Self::Group(name) => write!(f, "no group \"{name}\" in /etc/group; add it to the image, or use a number"),
        }
    }
}

impl std::error::Error for NoUser {}

/// Whom the processes of a service run as; `None` is ourselves, since it says nothing about it.
pub fn of(service: &Service) -> Option<Result<Ids, NoUser>> {
    let Service { user, group, supplementary_groups: more, .. } = service;
    if user.is_none() && group.is_none() && more.is_empty() {
        return None;
    }
    let files = Files::read();
    let ids = user.as_deref().map_or_else(|| Ok(files.own()), |user| files.find(user));
    Some(ids.and_then(|ids| files.regrouped(ids, group.as_deref(), more)))
}

/// Finds `name`, `1000`, `1000:1000`, `name:group`. Numbers need no file: an unknown uid alone takes the group of the
/// same number, never group 0.
pub fn look_up(user: &str) -> Result<Ids, NoUser> {
    Files::read().find(user)
}

/// The user that we run as.
pub fn own() -> Ids {
    Files::read().own()
}

impl Ids {
    fn bare(uid: u32, gid: u32) -> Self {
        Self { uid, gid, groups: vec![gid], insists: false, name: None, home: "/".into(), shell: "/bin/sh".into() }
    }
}

/// One line of passwd(5).
struct Entry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
    shell: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['#', '+', '-']))?;
        let (uid, gid) = (number(fields.nth(1)?)?, number(fields.next()?)?);
        Some(Self { name, uid, gid, home: fields.nth(1).unwrap_or(""), shell: fields.next().unwrap_or("") })
    }
}

/// The text of both files. One that is missing is an empty one: then only numbers are found.
struct Files {
    passwd: String,
    group: String,
}

impl Files {
    fn read() -> Self {
        let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        Self { passwd: text("/etc/passwd"), group: text("/etc/group") }
    }

    fn own(&self) -> Ids {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        self.find(&format!("{uid}:{gid}")).unwrap_or_else(|_| Ids::bare(uid, gid))
    }

    fn find(&self, text: &str) -> Result<Ids, NoUser> {
        let (user, wanted) = match text.split_once(':') {
            Some((user, wanted)) => (user, Some(wanted)),
            None => (text, None),
        };
        let mut entries = self.passwd.lines().filter_map(Entry::parse);
        let uid = number(user);
        let entry = entries.find(|entry| uid.map_or(entry.name == user, |uid| entry.uid == uid));
        let gid = wanted.map(|wanted| self.group(wanted)).transpose()?;
        let mut ids = match (&entry, uid) {
            (Some(entry), _) => Ids::bare(entry.uid, gid.unwrap_or(entry.gid)),
            (None, Some(uid)) => Ids::bare(uid, gid.unwrap_or(uid)),
            (None, None) => return Err(NoUser::User(user.to_owned())),
        };
        if let Some(entry) = entry {
            ids.groups.extend(memberships(entry.name, &self.group).filter(|gid| *gid != ids.gid));
            ids.name = Some(entry.name.to_owned());
            ids.home = or_default(entry.home, ids.home);
            ids.shell = or_default(entry.shell, ids.shell);
        }
        Ok(ids)
    }

    /// With another primary group, and more of the others. The primary one stays first.
    fn regrouped(&self, mut ids: Ids, group: Option<&str>, more: &[String]) -> Result<Ids, NoUser> {
        if let Some(group) = group {
            ids.gid = self.group(group)?;
            ids.groups.splice(..1, [ids.gid]);
        }
        for name in more {
            ids.groups.push(self.group(name)?);
        }
        ids.insists = !more.is_empty();
        let mut seen = std::collections::BTreeSet::new();
        ids.groups.retain(|gid| seen.insert(*gid));
        Ok(ids)
    }

    fn group(&self, text: &str) -> Result<u32, NoUser> {
        number(text).or_else(|| group_id(text, &self.group)).ok_or_else(|| NoUser::Group(text.to_owned()))
    }
}

fn or_default(text: &str, default: PathBuf) -> PathBuf {
    if text.is_empty() { default } else { text.into() }
}

/// Decimal digits only; 4294967295 means "no change" to setuid(2) and is no id.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number != u32::MAX)
}

/// Name, gid and members of each line of group(5).
fn groups(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let mut fields = line.split(':');
        Some((fields.next()?, number(fields.nth(1)?)?, fields.next().unwrap_or("")))
    })
}

fn group_id(name: &str, group: &str) -> Option<u32> {
    groups(group).find(|(own, ..)| *own == name).map(|(_, gid, _)| gid)
}

fn memberships(name: &str, group: &str) -> impl Iterator<Item = u32> {
    groups(group).filter(move |(.., members)| members.split(',').any(|member| member == name)).map(|(_, gid, _)| gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
                          # comment\n+::::::\nbroken:x:notanumber:1::/:/bin/sh\nshort:x\n\
                          rails:x:1000:1000:Rails,,,:/home/rails:/bin/bash\n\
                          bare:x:1001:1002:::\n";
    const GROUP: &str = "root:x:0:\nrails:x:1000:\nvideo:x:44:other,rails\nredis:x:7:rails\nodd\n";

    fn files(passwd: &str, group: &str) -> Files {
        Files { passwd: passwd.into(), group: group.into() }
    }

    fn ids(uid: u32, gid: u32, groups: &[u32], name: Option<&str>, home: &str, shell: &str) -> Ids {
        let name = name.map(str::to_owned);
        Ids { uid, gid, groups: groups.into(), insists: false, name, home: home.into(), shell: shell.into() }
    }

    #[test]
    fn names_and_numbers_are_found() {
        let rails = |gid, groups: &[u32]| ids(1000, gid, groups, Some("rails"), "/home/rails", "/bin/bash");
        let table = [
            ("rails", rails(1000, &[1000, 44, 7])),
            ("1000", rails(1000, &[1000, 44, 7])),
            ("rails:redis", rails(7, &[7, 44])),
            ("rails:3", rails(3, &[3, 44, 7])),
            ("bare", ids(1001, 1002, &[1002], Some("bare"), "/", "/bin/sh")),
            ("4242", ids(4242, 4242, &[4242], None, "/", "/bin/sh")),
            ("4242:9", ids(4242, 9, &[9], None, "/", "/bin/sh")),
            ("4242:video", ids(4242, 44, &[44], None, "/", "/bin/sh")),
        ];
        for (text, expected) in table {
            assert_eq!(files(PASSWD, GROUP).find(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn numbers_need_no_file() {
        assert_eq!(files("", "").find("5:6"), Ok(ids(5, 6, &[6], None, "/", "/bin/sh")));
    }

    #[test]
    fn others_are_refused() {
        for text in ["nobody", "", "4294967295", "-1", "+5", "broken", "short", "#", "+"] {
            assert_eq!(files(PASSWD, GROUP).find(text), Err(NoUser::User(text.to_owned())), "{text}");
        }
        for (text, group) in [("rails:", ""), (":", ""), ("rails:none", "none"), ("nobody:none", "none")] {
            assert_eq!(files(PASSWD, GROUP).find(text), Err(NoUser::Group(group.to_owned())), "{text}");
        }
    }

    #[test]
    fn groups_of_a_service() {
        let files = files(PASSWD, GROUP);
        for (user, group, more, gid, groups) in [
            ("rails", None, &[][..], 1000, &[1000, 44, 7][..]),
            ("rails", Some("redis"), &[], 7, &[7, 44]),
            ("rails", Some("3"), &["video", "44", "9"], 3, &[3, 44, 7, 9]),
            ("5", None, &["redis", "5"], 5, &[5, 7]),
        ] {
            let more: Vec<String> = more.iter().map(ToString::to_string).collect();
            let ids = files.find(user).and_then(|ids| files.regrouped(ids, group, &more)).unwrap();
            assert_eq!((ids.gid, &ids.groups[..], ids.insists), (gid, groups, !more.is_empty()), "{user} {group:?}");
        }
        let refused = |group, more: &[String]| files.regrouped(files.own(), group, more);
        assert_eq!(refused(Some("none"), &[]), Err(NoUser::Group("none".into())));
        assert_eq!(refused(None, &["none".into()]), Err(NoUser::Group("none".into())));
    }
}
