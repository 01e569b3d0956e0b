//! Ends of a process as people list them: exit codes and signals (systemd.service(5), SuccessExitStatus=).

use toml::de::DeValue;

use super::kind::Kind;
use super::layers::Node;
use super::signal::Signal;
use super::value::{Cx, Value};

/// One way in which a process may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It exits with this code.
    Code(u8),
    /// This signal kills it.
    Signal(Signal),
}

impl Value for ExitStatus {
    const KIND: Kind = Kind::ExitStatus;

    /// An integer is an exit code, a string a signal.
    fn read(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Self> {
        if !matches!(node.value, DeValue::Integer(_)) {
            return Signal::read(node, cx).map(Self::Signal);
        }
        let code = u32::read(node, cx)?;
        let why = "an exit code is 0 to 255; write a signal by its name, as in \"SIGUSR1\"";
        cx.good(node.place, u8::try_from(code).map(Self::Code).map_err(|_| why))
    }
}
