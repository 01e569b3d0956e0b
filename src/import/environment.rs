//! Variables of a process: `env` with templates of a tenant's vars, and with variables of the environment.

use super::draft::{Draft, is_variable, placeholder};
use super::keys::Field;
use super::toml::Toml;
use super::value;

/// Variables by name, and the names of those that are passed on as they are.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub variables: Toml,
    pub passed: Vec<String>,
}

impl Default for Toml {
    fn default() -> Self {
        Self::Map(Vec::new())
    }
}

/// One variable as it is written, not yet made safe for a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub name: String,
    /// `None`: tenantd's own variable of the same name is passed on.
    pub value: Option<String>,
}

/// The variables of a mapping, or of a list of `NAME=value`.
pub(super) fn variables(field: &Field<'_>, draft: &mut Draft<'_>) -> Vec<Variable> {
    let mut all = Vec::new();
    for (name, field) in field.keys(draft).all() {
        if name.is_empty() || name.contains(['=', '\0']) {
            draft.refuse(&field, "no name of a variable; use letters, digits and _");
            continue;
        }
        let raw = field.raw(draft).unwrap_or_default();
        if raw.contains('\0') {
            draft.refuse(&field, "a variable holds no NUL");
            continue;
        }
        let own = placeholder(raw) == Some(("", name, "")) && is_variable(name);
        let value = if own { Some(None) } else { draft.expanded(&field, raw).map(Some) };
        all.extend(value.map(|value| Variable { name: name.to_owned(), value }));
    }
    all
}

/// The same without templates: for processes that are no tenants, in tenantd.toml.
pub(super) fn literal(field: &Field<'_>, draft: &mut Draft<'_>) -> Environment {
    split(variables(field, draft), |text| text.to_owned())
}

/// The same for a unit, where `%` and `${` mean something.
pub(super) fn of_unit(field: &Field<'_>, draft: &mut Draft<'_>) -> Environment {
    split(variables(field, draft), value::literal)
}

fn split(all: Vec<Variable>, write: impl Fn(&str) -> String) -> Environment {
    let (own, given): (Vec<_>, Vec<_>) = all.into_iter().partition(|variable| variable.value.is_none());
    let given = given.into_iter().map(|v| (v.name, Toml::Text(write(&v.value.unwrap_or_default()))));
    Environment { variables: Toml::Map(given.collect()), passed: own.into_iter().map(|v| v.name).collect() }
}
