//! `list --tree`: what each unit starts with itself, as systemctl list-dependencies draws it. Pure.

use std::fmt::Write;

use super::table;
use crate::control::UnitStatus;

/// The lines of a branch.
struct Branches {
    go_on: &'static str,
    last: &'static str,
    beside: &'static str,
    below: &'static str,
}

const UTF8: Branches = Branches { go_on: "├─", last: "└─", beside: "│ ", below: "  " };
const ASCII: Branches = Branches { go_on: "|-", last: "`-", beside: "| ", below: "  " };

struct Tree<'a> {
    units: &'a [UnitStatus],
    branches: Branches,
    /// The units above the line at hand: a circle is cut where it closes.
    above: Vec<&'a str>,
    text: String,
}

/// The trees below these units; without one, below each target, what comes by request, and the rest.
pub(super) fn draw(units: &[UnitStatus], roots: &[&str], utf8: bool) -> String {
    let branches = if utf8 { UTF8 } else { ASCII };
    let mut tree = Tree { units, branches, above: Vec::new(), text: String::new() };
    for root in roots {
        tree.unit(root, "", "");
    }
    if roots.is_empty() {
        for target in ["boot", "ready", "idle", "resume", "shutdown"] {
            tree.group(target, |unit| unit.wanted_by.iter().any(|by| by == target));
        }
        let needed = |name: &str| units.iter().any(|unit| unit.needs.iter().any(|need| need == name));
        let free = |unit: &UnitStatus| unit.wanted_by.is_empty() && !needed(&unit.name);
        tree.group("requests", |unit| free(unit) && unit.route.is_some());
        tree.group("by hand", |unit| free(unit) && unit.route.is_none());
    }
    tree.text
}

impl<'a> Tree<'a> {
    fn group(&mut self, title: &str, belongs: impl Fn(&UnitStatus) -> bool) {
        let names: Vec<&str> = self.units.iter().filter(|unit| belongs(unit)).map(|unit| unit.name.as_str()).collect();
        if !names.is_empty() {
            let _ = writeln!(self.text, "{title}");
            self.children(&names, "");
        }
    }

    fn children(&mut self, names: &[&'a str], indent: &str) {
        for (n, name) in names.iter().enumerate() {
            let last = n + 1 == names.len();
            let (branch, below) = match last {
                true => (self.branches.last, self.branches.below),
                false => (self.branches.go_on, self.branches.beside),
            };
            self.unit(name, &format!("{indent}{branch}"), &format!("{indent}{below}"));
        }
    }

    fn unit(&mut self, name: &str, branch: &str, indent: &str) {
        let Some(unit) = self.units.iter().find(|unit| unit.name == name) else { return };
        let _ = writeln!(self.text, "{} {branch}{name}", table::dot(&unit.active));
        if self.above.contains(&unit.name.as_str()) {
            return;
        }
        let needs: Vec<&str> = unit.needs.iter().map(String::as_str).collect();
        self.above.push(&unit.name);
        self.children(&needs, indent);
        self.above.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str, needs: &[&str], wanted_by: &[&str], route: Option<&str>) -> UnitStatus {
        serde_json::from_value(serde_json::json!({
            "name": name, "description": "", "priority": "normal", "source": "", "active": "inactive", "sub": "dead",
            "result": "success", "pid": null, "status": "", "starts": 0, "failures": 0, "since_ms": null,
            "boot_ms": null, "retry_ms": null, "requests": { "in_flight": 0, "waiting": 0, "tunnels": 0 },
            "needs": needs, "wanted_by": wanted_by, "route": route,
        }))
        .unwrap()
    }

    #[test]
    fn trees_follow_what_is_needed_and_circles_are_cut() {
        let units = [
            unit("a", &["b", "c"], &["boot"], None),
            unit("b", &["c"], &[], None),
            unit("c", &["a"], &[], None),
            unit("job", &[], &[], None),
            unit("web@x", &[], &[], Some("/x")),
        ];
        let (dot, all) = (table::dot("inactive"), draw(&units, &[], false));
        let lines = [
            "boot",
            "D `-a",
            "D   |-b",
            "D   | `-c",
            "D   |   `-a",
            "D   `-c",
            "D     `-a",
            "requests",
            "D `-web@x",
            "by hand",
            "D `-job",
            "",
        ];
        assert_eq!(all, lines.join("\n").replace("D ", &format!("{dot} ")));
        assert_eq!(draw(&units, &["b"], true).lines().nth(1), Some(format!("{dot} └─c").as_str()));
    }
}
