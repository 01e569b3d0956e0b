//! Where the files of a tenant lie, as its route tells.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use super::root::Root;
use crate::http::file::{Order, accel_name, sent_name};
use crate::unit::{Name, Route};

/// All roots that some tenant names, each opened once.
#[derive(Debug, Default)]
pub(super) struct Roots(BTreeMap<PathBuf, Weak<Root>>);

/// The roots of one tenant.
#[derive(Debug)]
pub(in crate::proxy) struct Places {
    /// Of files that need no tenant.
    pub(super) public: Option<Arc<Root>>,
    /// Of files that it may lend by X-Sendfile.
    lent: Vec<Arc<Root>>,
    /// Of files that it may lend by X-Accel-Redirect, behind the prefix of the URL; the longest first.
    accel: Vec<(String, Arc<Root>)>,
}

/// What a tenant's order comes to.
#[derive(Debug)]
pub(super) enum Ordered {
    /// The file of the name that was written, below this root.
    In(Arc<Root>),
    /// Below a root, and yet no name of a file.
    Nothing,
    /// Below no root.
    Outside,
}

impl Roots {
    pub(super) fn root(&mut self, path: &Path) -> Arc<Root> {
        if let Some(root) = self.0.get(path).and_then(Weak::upgrade) {
            root.stand();
            return root;
        }
        self.0.retain(|_, root| root.strong_count() > 0);
        let root = Arc::new(Root::new(path));
        self.0.insert(path.to_owned(), Arc::downgrade(&root));
        root
    }
}

impl super::Files {
    /// The places of a route; most have none. A public directory that is missing is told of.
    pub(in crate::proxy) fn places(&mut self, name: &Name, route: &Route) -> Option<Box<Places>> {
        let roots = &mut self.roots;
        let public = route.public.as_deref().map(|path| roots.root(path));
        if let Some(root) = public.as_ref().filter(|root| !root.is_there()) {
            let path = root.path().display();
            log::warn!("{name}: [route] public: there is no directory {path}; until it starts, the tenant answers");
        }
        let lent = route.send_file.iter().map(|path| roots.root(path)).collect::<Vec<_>>();
        let mut accel: Vec<_> = route.accel.iter().map(|(prefix, path)| (prefix.clone(), roots.root(path))).collect();
        accel.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        let places = Places { public, lent, accel };
        (places.public.is_some() || places.lends()).then(|| Box::new(places))
    }
}

impl Places {
    /// The tenant may lend files.
    pub(in crate::proxy) fn lends(&self) -> bool {
        !self.lent.is_empty() || !self.accel.is_empty()
    }

    /// The tenant starts: directories that were missing may have come.
    pub(in crate::proxy) fn stand(&self) {
        for root in self.public.iter().chain(&self.lent).chain(self.accel.iter().map(|(_, root)| root)) {
            root.stand();
        }
    }

    /// Which file a tenant wants sent. Its name below its root is written.
    pub(super) fn ordered(&self, order: Order<'_>, name: &mut Vec<u8>) -> Ordered {
        let (root, sound) = match order {
            Order::Path(path) => {
                let below = |root: &&Arc<Root>| rest(path, root.path()).is_some();
                // Of roots in each other the inner one.
                let Some(root) = self.lent.iter().filter(below).max_by_key(|root| root.path().as_os_str().len()) else {
                    return Ordered::Outside;
                };
                (root, sent_name(rest(path, root.path()).unwrap_or_default(), name))
            }
            Order::Url(url) => {
                let path = url.split(|&byte| byte == b'?').next().unwrap_or_default();
                let find = |(prefix, root)| Some((path.strip_prefix(str::as_bytes(prefix))?, root));
                let Some((rest, root)) = self.accel.iter().find_map(|(prefix, root)| find((prefix, root))) else {
                    return Ordered::Outside;
                };
                (root, accel_name(rest, name))
            }
        };
        // A way up leads out, wherever it is written.
        let up = name.split(|&byte| byte == b'/').any(|segment| segment == b"..");
        match (sound, up) {
            (true, _) => Ordered::In(root.clone()),
            (false, true) => Ordered::Outside,
            (false, false) => Ordered::Nothing,
        }
    }
}

/// What stands behind the path of a root and its slash.
fn rest<'p>(path: &'p [u8], root: &Path) -> Option<&'p [u8]> {
    path.strip_prefix(root.as_os_str().as_encoded_bytes())?.strip_prefix(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_below_a_root_or_outside() {
        let root = |path: &str| Arc::new(Root::new(Path::new(path)));
        let places = Places {
            public: None,
            lent: vec![root("/data/a"), root("/data/a/in"), root("/data/b")],
            accel: vec![("/i/x/".into(), root("/data/x")), ("/i/".into(), root("/data/i"))],
        };
        use Order::{Path as P, Url as U};
        let outside = Some("outside");
        for (order, expected) in [
            (P(b"/data/a/f"), Some("/data/a f")),
            (P(b"/data/a/in/d/f g"), Some("/data/a/in d/f g")),
            (P(b"/data/b/f"), Some("/data/b f")),
            (P(b"/data/a"), outside),
            (P(b"/data/ab/f"), outside),
            (P(b"/data/c/f"), outside),
            (P(b"data/a/f"), outside),
            (P(b""), outside),
            (P(b"/data/a/../b/f"), outside),
            (P(b"/data/a/x/.."), outside),
            (P(b"/etc/passwd"), outside),
            (P(b"/data/a/"), None),
            (P(b"/data/a//f"), None),
            (P(b"/data/a/.f"), None),
            (P(b"/data/a/f\x01"), None),
            (U(b"/i/f%20g?a=b"), Some("/data/i f g")),
            (U(b"/i/x/f"), Some("/data/x f")),
            (U(b"/i"), outside),
            (U(b"/j/f"), outside),
            (U(b"/i/%2e%2e/f"), outside),
            (U(b"/i/../f"), outside),
            (U(b"/i/a%2ff"), None),
            (U(b"http://x/i/f"), outside),
        ] {
            let mut name = Vec::new();
            let got = match places.ordered(order, &mut name) {
                Ordered::In(root) => Some(format!("{} {}", root.path().display(), String::from_utf8_lossy(&name))),
                Ordered::Outside => Some("outside".into()),
                Ordered::Nothing => None,
            };
            assert_eq!(got.as_deref(), expected, "{order:?}");
        }
    }
}
