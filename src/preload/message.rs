//! What tenantd tells a template and its children: each message one datagram with one object of JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

/// The protocol that this tenantd speaks.
pub const VERSION: u64 = 1;

/// Longest message in bytes, either way.
pub const MAX: usize = 65_536;

/// To a child that has said hello: what only its parent can do to it is done, go on.
pub const GO: &[u8] = br#"{"v":1,"go":{}}"#;

/// To a template, at once: boot the application and say `ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Boot<'a> {
    /// The command of its tenants, from `puma` or `gunicorn` on.
    pub argv: &'a [String],
    /// Paths that are asked for before it is ready.
    pub warm: &'a [String],
    /// The application's own part, evaluated in each child; absolute. `None`: there is none.
    pub hook: Option<&'a Path>,
    /// A hook that is not there is an error.
    pub hook_required: bool,
    /// Keys of the environment in which tenants may differ, since the hook sees to them.
    pub declared: &'a [String],
}

/// To a template, for each activation: become this tenant in a process of its own. Goes with the descriptors of its
/// reply, stdout, stderr and listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fork<'a> {
    /// Full name of the tenant.
    pub id: &'a str,
    /// Its command, from `puma` or `gunicorn` on.
    pub argv: &'a [String],
    /// Its complete environment but `LISTEN_FDS` and `LISTEN_PID`: nothing of the template's stays.
    pub env: &'a BTreeMap<String, String>,
    /// Where it starts; absolute.
    pub cwd: &'a Path,
    /// File creation mask; `None` is the template's.
    pub umask: Option<u32>,
    /// Whom it runs as; `None` is whom the template runs as.
    pub user: Option<User<'a>>,
    /// Resources of setrlimit(2) by number, soft and hard limit; no number is no limit.
    pub limits: &'a [(u32, Option<u64>, Option<u64>)],
    /// Nice level; `None` is the template's.
    pub nice: Option<i32>,
    /// Points of `oom_score_adj`; `None` are the template's.
    pub oom_score_adj: Option<i32>,
    /// A fifth descriptor goes with it: `cgroup.procs` of its cgroup, to which the child writes `0`.
    pub cgroup: bool,
}

/// Whom a child becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct User<'a> {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups, all of them.
    pub groups: &'a [u32],
}

impl Boot<'_> {
    /// As one datagram.
    pub fn encode(&self) -> Result<Vec<u8>, Unsendable> {
        encode(&Envelope { v: VERSION, message: Message::Boot(self) })
    }
}

impl Fork<'_> {
    /// As one datagram.
    pub fn encode(&self) -> Result<Vec<u8>, Unsendable> {
        encode(&Envelope { v: VERSION, message: Message::Fork(self) })
    }
}

/// Why a message cannot be sent: the tenant is started without its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsendable {
    /// It has so many bytes.
    TooLong(usize),
    /// A path is no UTF-8.
    NoText,
}

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => {
                let way_out = "shorten the environment or the command";
                write!(f, "command and environment are a message of {bytes} bytes, the most is {MAX}: {way_out}")
            }
            Self::NoText => f.write_str("the working directory or the hook is no UTF-8: rename it"),
        }
    }
}

impl std::error::Error for Unsendable {}

#[derive(Serialize)]
struct Envelope<'a> {
    v: u64,
    #[serde(flatten)]
    message: Message<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Message<'a> {
    Boot(&'a Boot<'a>),
    Fork(&'a Fork<'a>),
}

fn encode(envelope: &Envelope) -> Result<Vec<u8>, Unsendable> {
    // All but a path has a form in JSON.
    let bytes = serde_json::to_vec(envelope).map_err(|_| Unsendable::NoText)?;
    if bytes.len() > MAX { Err(Unsendable::TooLong(bytes.len())) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;
    use serde_json::{Value, from_slice, json};

    use super::*;

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|word| (*word).to_owned()).collect()
    }

    fn fork<'a>(env: &'a BTreeMap<String, String>, cwd: &'a Path) -> Fork<'a> {
        let (umask, user, nice, oom_score_adj) = (None, None, None, None);
        Fork { id: "web@a", argv: &[], env, cwd, umask, user, limits: &[], nice, oom_score_adj, cgroup: false }
    }

    #[test]
    fn messages_are_as_the_protocol_has_them() {
        let (argv, warm, declared) = (words(&["puma", "-b", "unix:///s"]), words(&["/"]), words(&["TITLE"]));
        let hook = Some(Path::new("/rails/config/tenant_fork.rb"));
        let boot = Boot { argv: &argv, warm: &warm, hook, hook_required: false, declared: &declared };
        let text = r#"{"v":1,"boot":{"argv":["puma","-b","unix:///s"],"warm":["/"],"hook":"/rails/config/tenant_fork.rb","hook_required":false,"declared":["TITLE"]}}"#;
        assert_eq!(String::from_utf8(boot.encode().unwrap()).unwrap(), text);

        let env = BTreeMap::from([("A".to_owned(), "\"ü\n".to_owned())]);
        let user = Some(User { uid: 1000, gid: 100, groups: &[100, 27] });
        let limits = [(7, Some(1024), None)];
        let fork = Fork {
            argv: &argv[..1],
            umask: Some(0o22),
            user,
            limits: &limits,
            nice: Some(-5),
            cgroup: true,
            ..fork(&env, Path::new("/rails"))
        };
        let text = r#"{"v":1,"fork":{"id":"web@a","argv":["puma"],"env":{"A":"\"ü\n"},"cwd":"/rails","umask":18,"user":{"uid":1000,"gid":100,"groups":[100,27]},"limits":[[7,1024,null]],"nice":-5,"oom_score_adj":null,"cgroup":true}}"#;
        assert_eq!(String::from_utf8(fork.encode().unwrap()).unwrap(), text);
        assert_eq!(from_slice::<Value>(GO).unwrap(), json!({ "v": VERSION, "go": {} }));
    }

    #[test]
    fn what_does_not_fit_is_not_sent() {
        let root = Path::new("/");
        let none = fork(&BTreeMap::new(), root).encode().unwrap().len();
        let of = |bytes: usize| BTreeMap::from([("K".to_owned(), "x".repeat(bytes - none - r#""K":"""#.len()))]);
        assert_eq!(fork(&of(MAX), root).encode().map(|all| all.len()), Ok(MAX));
        let error = fork(&of(MAX + 1), root).encode().unwrap_err();
        assert_eq!(error, Unsendable::TooLong(MAX + 1));
        assert!(error.to_string().contains("65537 bytes, the most is 65536"), "{error}");
        let latin = Path::new(OsStr::from_bytes(b"/caf\xe9"));
        assert_eq!(fork(&BTreeMap::new(), latin).encode(), Err(Unsendable::NoText));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_sent_is_what_was_meant(
            id in any::<String>(), argv in any::<Vec<String>>(), env in any::<BTreeMap<String, String>>(),
            cwd in any::<String>(), umask in any::<Option<u32>>(), ids in any::<Option<(u32, u32, Vec<u32>)>>(),
        ) {
            let user = ids.as_ref().map(|(uid, gid, groups)| User { uid: *uid, gid: *gid, groups });
            let sent = Fork { id: &id, argv: &argv, cwd: Path::new(&cwd), umask, user, ..fork(&env, Path::new("/")) };
            let user = ids.as_ref().map(|(uid, gid, groups)| json!({ "uid": uid, "gid": gid, "groups": groups }));
            let meant = json!({
                "id": id, "argv": argv, "env": env, "cwd": cwd, "umask": umask, "user": user, "limits": [],
                "nice": null, "oom_score_adj": null, "cgroup": false,
            });
            match sent.encode() {
                Ok(bytes) => prop_assert_eq!(from_slice::<Value>(&bytes).unwrap(), json!({ "v": 1, "fork": meant })),
                Err(error) => prop_assert!(matches!(error, Unsendable::TooLong(bytes) if bytes > MAX)),
            }
        }
    }
}
