//! Users and groups from `/etc/passwd` and `/etc/group`, read as text: a static binary has no NSS, and PID 1 must not
//! wait for a directory server.

use std::fmt;
use std::path::PathBuf;

/// A user as numbers, with what login(1) would put into the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups, the primary one included.
    pub groups: Vec<u32>,
    /// Login name, if `/etc/passwd` has one.
    pub name: Option<String>,
    /// Home directory; `/` if unknown.
    pub home: PathBuf,
    /// Login shell; `/bin/sh` if unknown.
    pub shell: PathBuf,
}

/// No such user or group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoUser(String);

impl fmt::Display for NoUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no user or group \"{}\" in /etc/passwd and /etc/group; add it to the image, or use numbers", self.0)
    }
}

impl std::error::Error for NoUser {}

/// Finds `name`, `1000`, `1000:1000`, `name:group`. Numbers need no file: an unknown uid alone takes the group of the
/// same number, never group 0.
pub fn look_up(user: &str) -> Result<Ids, NoUser> {
    // A file that is missing is an empty one: then only numbers are found.
    let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
    let group = std::fs::read("/etc/group").unwrap_or_default();
    find(user, &String::from_utf8_lossy(&passwd), &String::from_utf8_lossy(&group))
}

/// The user that we run as.
pub fn own() -> Ids {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    look_up(&format!("{uid}:{gid}")).unwrap_or_else(|_| Ids::bare(uid, gid))
}

impl Ids {
    fn bare(uid: u32, gid: u32) -> Self {
        Self { uid, gid, groups: vec![gid], name: None, home: "/".into(), shell: "/bin/sh".into() }
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

/// The look-up on the files' text.
fn find(text: &str, passwd: &str, group: &str) -> Result<Ids, NoUser> {
    let missing = || NoUser(text.to_owned());
    let (user, wanted) = match text.split_once(':') {
        Some((user, wanted)) => (user, Some(wanted)),
        None => (text, None),
    };
    let mut entries = passwd.lines().filter_map(Entry::parse);
    let uid = number(user);
    let entry = entries.find(|entry| uid.map_or(entry.name == user, |uid| entry.uid == uid));
    let gid =
        wanted.map(|wanted| number(wanted).or_else(|| group_id(wanted, group)).ok_or_else(missing)).transpose()?;
    let mut ids = match (&entry, uid) {
        (Some(entry), _) => Ids::bare(entry.uid, gid.unwrap_or(entry.gid)),
        (None, Some(uid)) => Ids::bare(uid, gid.unwrap_or(uid)),
        (None, None) => return Err(missing()),
    };
    if let Some(entry) = entry {
        ids.groups.extend(memberships(entry.name, group).filter(|gid| *gid != ids.gid));
        ids.name = Some(entry.name.to_owned());
        ids.home = or_default(entry.home, ids.home);
        ids.shell = or_default(entry.shell, ids.shell);
    }
    Ok(ids)
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

    fn ids(uid: u32, gid: u32, groups: &[u32], name: Option<&str>, home: &str, shell: &str) -> Ids {
        let name = name.map(str::to_owned);
        Ids { uid, gid, groups: groups.into(), name, home: home.into(), shell: shell.into() }
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
            assert_eq!(find(text, PASSWD, GROUP), Ok(expected), "{text}");
        }
    }

    #[test]
    fn numbers_need_no_file() {
        assert_eq!(find("5:6", "", ""), Ok(ids(5, 6, &[6], None, "/", "/bin/sh")));
    }

    #[test]
    fn others_are_refused() {
        for text in ["nobody", "", ":", "rails:", "rails:none", "4294967295", "-1", "+5", "broken", "short", "#", "+"] {
            assert_eq!(find(text, PASSWD, GROUP), Err(NoUser(text.to_owned())), "{text}");
        }
    }
}
