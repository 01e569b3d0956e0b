//! Layers → units: reads every section of every unit, then lets the checks look at all of them.

use std::collections::BTreeMap;

use super::check;
use super::directory::Directory;
use super::layers::{Layers, Node};
use super::report::Report;
use super::section::{Fields, Section};
use super::source::{Document, Sources};
use super::specifier::{Scope, check_var};
use super::template::{Plan, Plans};
use super::value::{Cx, Value};
use super::{Header, Name, Route, Sandbox, Service, Socket, Unit};

/// A unit, and the tables that it was read from, to find the line of a mistake.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub unit: Unit,
    pub layers: Layers<'a>,
    /// So many of the layers are its template's, the others its own; 0 for a unit that is no instance.
    pub shared: usize,
    /// Nothing is wrong with it by itself. A default in place of a wrong value says nothing about other units.
    pub sound: bool,
}

/// Reads all units, sorted by name. `runtime` is `%t`.
pub(crate) fn load<'a>(
    directory: &'a Directory,
    sources: &Sources,
    documents: &'a [Document<'a>],
    runtime: &str,
    report: &mut Report,
) -> Vec<Draft<'a>> {
    let plans: BTreeMap<Name, Plan<'a>> = Plans::of(directory, documents, report);
    let draft = |(name, plan)| {
        let before = report.errors();
        let mut draft = read(name, plan, sources, runtime, report);
        check::unit(&mut draft, report);
        draft.sound = report.errors() == before;
        draft
    };
    plans.into_iter().map(draft).collect()
}

fn read<'a>(name: Name, plan: Plan<'a>, sources: &Sources, runtime: &str, report: &mut Report) -> Draft<'a> {
    let (layers, shared) = (plan.layers, plan.shared);
    let scope = scope(&name, &layers, runtime, report);
    let mut cx = Cx { scope: Some(&scope), report, key: ("", "") };
    let header: Header = section(&layers, &mut cx);
    let service: Service = section(&layers, &mut cx);
    let sandbox: Sandbox = section(&layers, &mut cx);
    let route: Option<Route> = layers.node("", "route").is_some().then(|| section(&layers, &mut cx));
    let held = route.is_some() || layers.node("", "socket").is_some();
    let socket: Option<Socket> = held.then(|| section(&layers, &mut cx));
    let Header { description, priority, after, before, requires, wants, binds_to, part_of, conflicts, wanted_by } =
        header;
    let source = sources.path(plan.source).to_owned();
    drop(scope);
    let unit = Unit {
        name,
        source,
        description,
        priority,
        after,
        before,
        requires,
        wants,
        binds_to,
        part_of,
        conflicts,
        wanted_by,
        service,
        sandbox,
        socket,
        route,
        template: None,
    };
    Draft { unit, layers, shared, sound: true }
}

fn section<S: Section>(layers: &Layers<'_>, cx: &mut Cx<'_>) -> S {
    S::read(&mut Fields::new::<S>(layers, cx))
}

/// What the specifiers of this unit stand for. Its vars may hold specifiers, but no vars.
fn scope<'s>(name: &'s Name, layers: &Layers<'s>, runtime: &'s str, report: &mut Report) -> Scope<'s> {
    let plain = Scope { name, runtime, vars: Vec::new() };
    let mut cx = Cx { scope: Some(&plain), report, key: ("", "vars") };
    let mut vars = Vec::new();
    for node in layers.nodes("", "vars") {
        if !node.value.is_table() {
            cx.expected::<()>(node, "a table ({ NAME = \"value\" })");
        }
        vars.extend(node.entries().filter_map(|(name, place, value)| {
            let why = |_| format!("\"{name}\" is no name of a var; use letters, digits, _ and -");
            cx.good(place, check_var(name).map_err(why))?;
            Some((name, var(value, &mut cx)))
        }));
    }
    Scope { name, runtime, vars }
}

/// A wrong value is reported here and empty from then on, so that it is not missed as well.
fn var(node: Node<'_>, cx: &mut Cx<'_>) -> String {
    String::read(node, cx).unwrap_or_default()
}
