//! From files to units: which layers make up each unit, and the vars of each instance.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::directory::{Directory, Group};
use super::layers::{Layer, Layers, Node};
use super::report::{Place, Report};
use super::section::{Section, SectionDoc, check_sections};
use super::source::Document;
use super::value::{bad_name, found};
use super::{Header, Name, Route, Sandbox, Service, Socket};

/// The sections of a unit, in the order that people write them.
pub const SECTIONS: &[SectionDoc] = &[Header::DOC, Service::DOC, Sandbox::DOC, Socket::DOC, Route::DOC];

/// One unit before it is read.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// The file that defines it.
    pub source: usize,
    /// Its tables.
    pub layers: Layers<'a>,
    /// So many of them are the template's; 0 for a unit that is no instance.
    pub shared: usize,
}

/// Assembles the plans of all units, by name. A unit with a file that is not TOML is left out.
pub(crate) struct Plans<'a, 'r> {
    documents: &'a [Document<'a>],
    report: &'r mut Report,
    templates: BTreeMap<&'a str, Option<Plan<'a>>>,
    plans: BTreeMap<Name, Plan<'a>>,
}

impl<'a, 'r> Plans<'a, 'r> {
    /// The plans of everything in the directory.
    pub fn of(
        directory: &'a Directory,
        documents: &'a [Document<'a>],
        report: &'r mut Report,
    ) -> BTreeMap<Name, Plan<'a>> {
        let mut all = Self { documents, report, templates: BTreeMap::new(), plans: BTreeMap::new() };
        for (stem, group) in directory {
            match stem.split_once('@') {
                Some((prefix, "")) => all.template(prefix, group),
                Some((prefix, _)) => all.instance_file(prefix, stem, group),
                None => all.plain(stem, group),
            }
        }
        all.plans
    }

    fn plain(&mut self, stem: &str, group: &Group) {
        if let Some(file) = self.own_file(stem, group)
            && let Some(tables) = self.tables(group, &[])
            && let Ok(name) = Name::new(stem)
        {
            let layers = Layers(tables.into_iter().map(|(file, table)| Layer::Sections(file, table)).collect());
            self.plans.insert(name, Plan { source: file, layers, shared: 0 });
        }
    }

    fn template(&mut self, prefix: &'a str, group: &Group) {
        let Some(file) = self.own_file(&format!("{prefix}@"), group) else { return };
        let Some(tables) = self.tables(group, &["instance"]) else {
            self.templates.insert(prefix, None);
            return;
        };
        let layers = Layers(tables.iter().map(|(file, table)| Layer::Sections(*file, table)).collect());
        for (file, table) in tables {
            let Some(instances) = Node::in_table(file, table, "instance") else { continue };
            if !instances.value.is_array() {
                let found = found(instances.value);
                self.report.error(instances.place, format!("expected [[instance]] tables, found {found}"));
            }
            for instance in instances.items() {
                let shared = layers.0.len();
                self.instance(prefix, instance, Plan { source: file, layers: layers.clone(), shared });
            }
        }
        let shared = layers.0.len();
        self.templates.insert(prefix, Some(Plan { source: file, layers, shared }));
    }

    /// One `[[instance]]`.
    fn instance(&mut self, prefix: &str, node: Node<'a>, mut plan: Plan<'a>) {
        let DeValue::Table(table) = node.value else {
            self.report.error(node.place, format!("expected an [[instance]] table, found {}", found(node.value)));
            return;
        };
        let file = node.place.file;
        check_sections(&["name", "vars", "environment"], SECTIONS, file, table, self.report);
        let Some(name) = Node::in_table(file, table, "name") else {
            self.report.error(node.place, "an [[instance]] has no name; write name = \"boston\"");
            return;
        };
        let Some(text) = name.value.as_str() else {
            let found = found(name.value);
            self.report.error(name.place, format!("name: expected a string, found {found}"));
            return;
        };
        let Ok(full) = Name::new(&format!("{prefix}@{text}")) else {
            self.report.error(name.place, format!("name: {}", bad_name(text)));
            return;
        };
        if full.is_template() {
            self.report
                .error(name.place, format!("name: \"{text}\" is the template itself; give the instance another"));
            return;
        }
        add_instance(&mut plan.layers, file, table);
        if self.plans.contains_key(&full) {
            self.report.error(name.place, format!("a second [[instance]] named \"{text}\"; give it another name"));
            return;
        }
        self.plans.insert(full, plan);
    }

    /// `NAME@INSTANCE.toml` and its drop-ins: over the `[[instance]]`, or an instance of its own.
    fn instance_file(&mut self, prefix: &str, stem: &str, group: &Group) {
        let Ok(name) = Name::new(stem) else { return };
        if let (true, Some(file)) = (name.is_template(), group.files().next()) {
            let message =
                format!("{name} is the template itself; write what all tenants share in units/{prefix}@.toml");
            return self.report.error(Place::file(file), message);
        }
        let Some(template) = self.templates.get(prefix) else {
            if let Some(file) = group.files().next() {
                self.report
                    .error(Place::file(file), format!("the template units/{prefix}@.toml does not exist; write it"));
            }
            return;
        };
        let fresh = template.as_ref().map(|plan| Plan { layers: plan.layers.clone(), ..*plan });
        if !self.plans.contains_key(&name) && self.own_file(stem, group).is_none() {
            return;
        }
        let tables = self.tables(group, &["vars", "environment"]);
        let plan = self.plans.remove(&name).or(fresh);
        if let (Some(tables), Some(mut plan)) = (tables, plan) {
            plan.source = group.file.unwrap_or(plan.source);
            tables.into_iter().for_each(|(file, table)| add_instance(&mut plan.layers, file, table));
            self.plans.insert(name, plan);
        }
    }

    /// The file of a unit; drop-ins without one are reported.
    fn own_file(&mut self, stem: &str, group: &Group) -> Option<usize> {
        if let (None, Some(file)) = (group.file, group.dropins.first()) {
            self.report
                .warning(Place::file(*file), format!("ignored: there is no units/{stem}.toml that it could change"));
        }
        group.file
    }

    /// The tables of all files of a group, their keys checked; `None` if one of them is not TOML.
    fn tables(&mut self, group: &Group, top: &[&str]) -> Option<Vec<(usize, &'a DeTable<'a>)>> {
        let documents = self.documents;
        let mut tables = Vec::new();
        for file in group.files() {
            let table = documents.get(file).and_then(Option::as_ref)?.get_ref();
            check_sections(top, SECTIONS, file, table, self.report);
            tables.push((file, table));
        }
        Some(tables)
    }
}

/// Lays an instance's table over what lies below.
fn add_instance<'a>(layers: &mut Layers<'a>, file: usize, table: &'a DeTable<'a>) {
    layers.0.push(Layer::Sections(file, table));
    layers.0.extend(Node::in_table(file, table, "environment").map(Layer::Environment));
}
