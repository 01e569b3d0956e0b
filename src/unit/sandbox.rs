//! `[sandbox]`: what all processes of a unit together may take (systemd.resource-control(5)). Only values: the cgroup is made elsewhere.

use toml::de::DeValue;

use super::layers::Node;
use super::section::section;
use super::size::size;
use super::value::{Cx, Value};

section! {
    /// Limits of a unit as a whole; they need a cgroup that tenantd may write to. `None` is no limit.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Sandbox in "sandbox" (fields) {
        /// Most memory in bytes ("512M", "2G"): beyond it the kernel kills (result `oom-kill`). Default "infinity".
        memory_max: Option<u64> as memory = None;
        /// Memory in bytes beyond which the unit is slowed down and made to give some back. Default "infinity".
        memory_high: Option<u64> as memory = None;
        /// Most processes and threads; default "infinity".
        tasks_max: Option<u64> as tasks = None;
        /// Share of the processor while others want it too, 1 to 10000; default as all others, 100.
        cpu_weight: Option<u32> as weight = None;
        /// Most processor time, in percent of one processor ("50%", "200%"); default "infinity".
        cpu_quota: Option<u32> as quota = None;
    }
}

impl Sandbox {
    /// Whether a unit asks for any limit.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// `cpu_quota` as cpu.max has it: microseconds of processor time in each period of 100 ms.
    pub fn cpu_micros(&self) -> Option<u64> {
        self.cpu_quota.map(|percent| u64::from(percent) * 1000)
    }
}

pub(crate) fn memory(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<u64>> {
    if node.value.as_str().is_some_and(|text| text.ends_with('%')) {
        cx.error(node.place, "a share of the machine's memory says little in a container; write a size: \"512M\"");
        return None;
    }
    let bytes = size(node, cx)?;
    if bytes == Some(0) {
        cx.error(node.place, "nothing runs without memory; write a size such as \"512M\"");
        return None;
    }
    Some(bytes)
}

fn tasks(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<u64>> {
    if node.value.as_str() == Some("infinity") {
        return Some(None);
    }
    if node.value.is_str() {
        return cx.expected(node, "an integer, or \"infinity\"");
    }
    super::value::positive::<u32>(node, cx).map(|tasks| Some(tasks.into()))
}

fn weight(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<u32>> {
    let weight = u32::read(node, cx)?;
    let within = Some(weight).filter(|weight| (1..=10_000).contains(weight));
    cx.good(node.place, within.ok_or("expected a weight between 1 and 10000")).map(Some)
}

/// The % at the end is no specifier.
fn quota(node: Node<'_>, cx: &mut Cx<'_>) -> Option<Option<u32>> {
    let DeValue::String(text) = node.value else { return cx.expected(node, "a percentage such as \"50%\"") };
    if text == "infinity" {
        return Some(None);
    }
    let digits = cx.expand(node.place, text.strip_suffix('%').unwrap_or_default())?;
    let percent = Some(&*digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let percent = percent.and_then(|digits| digits.parse().ok()).filter(|percent| (1..=100_000).contains(percent));
    let why = || format!("bad quota \"{text}\"; write whole percents of one processor: \"50%\"");
    cx.good(node.place, percent.ok_or_else(why)).map(Some)
}
