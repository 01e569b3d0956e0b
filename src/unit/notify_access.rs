//! Whose words on the notify socket count (systemd.service(5), NotifyAccess=).

use super::layers::Node;
use super::value::{Cx, Value};

/// `[service] notify_access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotifyAccess {
    /// Nobody's.
    None,
    /// The main process's.
    #[default]
    Main,
    /// The main process's and those of `exec_start_pre` and the like.
    Exec,
    /// Those of every process of the unit.
    All,
}

impl Value for NotifyAccess {
    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        cx.one_of(node, &[("none", Self::None), ("main", Self::Main), ("exec", Self::Exec), ("all", Self::All)])
    }
}
