//! What a template says of all its tenants and one of them may say otherwise: a value a key of `[service]`, `[sandbox]`, `[route]`.

use std::time::Duration;

use super::draft::Draft;
use super::hooks::{self, Hook};
use super::keys::{Field, Keys};
use super::toml::{Table, Toml};
use super::{bots, value};

/// What a start and a stop take without hooks: the defaults of `[service]`.
const START: Duration = Duration::from_secs(90);
const STOP: Duration = Duration::from_secs(5);

/// Values by section and key, the sections in the order of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub values: Vec<(&'static str, &'static str, Toml)>,
    /// Before the process, and after it.
    pub start: Vec<Hook>,
    pub stop: Vec<Hook>,
}

impl Settings {
    /// Sets one; a later value wins.
    pub fn set(&mut self, section: &'static str, key: &'static str, value: impl Into<Toml>) {
        self.values.retain(|(s, k, _)| (*s, *k) != (section, key));
        self.values.push((section, key, value.into()));
    }

    /// The value of a key.
    pub fn value(&self, section: &str, key: &str) -> Option<&Toml> {
        self.values.iter().find(|(s, k, _)| (*s, *k) == (section, key)).map(|(_, _, value)| value)
    }

    /// Reads the keys that the applications and a tenant share. `own`: it is a tenant's, of which Navigator copied nothing.
    pub fn read(&mut self, keys: &mut Keys<'_>, own: bool, draft: &mut Draft<'_>) {
        let tell = |field: &Field<'_>, became: &str, draft: &mut Draft<'_>| {
            if own { draft.works(field, became) } else { draft.mapped(field, became) }
        };
        for key in ["default_memory_limit", "memory_limit"] {
            if let Some(field) = keys.take(key) {
                draft.size(&field).into_iter().for_each(|size| self.set("sandbox", "memory_max", size));
                tell(&field, "[sandbox] memory_max", draft);
            }
        }
        for key in ["user", "group"] {
            if let Some(field) = keys.take(key) {
                let name = field.text(draft).filter(|name| !name.is_empty());
                name.into_iter().for_each(|name| self.set("service", key, value::literal(&name)));
                let became = format!("[service] {key}");
                if own { draft.works(&field, &became) } else { draft.as_is(&field, &became) }
            }
        }
        if let Some(field) = keys.take("startup_timeout") {
            self.waiting_page(&field, draft);
        }
        for key in ["timeout", "idle_timeout"] {
            if let Some(field) = keys.take(key) {
                let span = draft.duration(&field).filter(|span| !value::is_zero(span));
                span.into_iter().for_each(|span| self.set("service", "idle_stop", span));
                tell(&field, "[service] idle_stop; requests in flight count as activity", draft);
            }
        }
        if let Some(field) = keys.take("hooks") {
            let mut hooks = field.keys(draft);
            let lists = [hooks.take("start"), hooks.take("stop")];
            hooks.finish(draft);
            let [start, stop] = lists;
            self.hooks(start, stop, own, draft);
        }
        self.route(keys, draft);
    }

    fn waiting_page(&mut self, field: &Field<'_>, draft: &mut Draft<'_>) {
        let Some(span) = draft.duration(field).filter(|span| !value::is_zero(span)) else { return };
        self.set("route", "waiting_page_after", span);
        draft.works(field, "[route] waiting_page_after");
        draft.report.change(
            field.line,
            "a browser that waits longer than startup_timeout gets a page that asks again (Navigator never copied the key)",
        );
    }

    /// Hooks of tenants, before those that are there.
    pub fn hooks(&mut self, start: Option<Field<'_>>, stop: Option<Field<'_>>, live: bool, draft: &mut Draft<'_>) {
        for (field, became) in
            [(&start, "[service] exec_start_pre"), (&stop, "[service] exec_stop_post, after its end")]
        {
            match field {
                Some(field) if field.items().is_empty() => draft.as_is(field, "nothing"),
                Some(field) if live => draft.mapped(field, became),
                Some(field) => {
                    draft.works(field, became);
                    draft.report.change(field.line, &format!("{} run from now on (Navigator dropped them)", field.key));
                }
                None => {}
            }
        }
        self.start.extend(start.iter().flat_map(|field| hooks::list(field, draft)));
        self.stop.extend(stop.iter().flat_map(|field| hooks::list(field, draft)));
    }

    /// Keys of `[route]`, all of them phantoms.
    fn route(&mut self, keys: &mut Keys<'_>, draft: &mut Draft<'_>) {
        if let Some(field) = keys.take("public_dir") {
            field
                .text(draft)
                .into_iter()
                .for_each(|path| self.set("route", "public", value::literal(&draft.path(&path))));
            draft.works(&field, "[route] public");
        }
        if let Some(field) = keys.take("bot_detection")
            && let Some(action) = bots::action(&field, draft)
        {
            self.set("route", "bots", action);
            draft.works(&field, "[route] bots");
        }
        if let Some(field) = keys.take("auth_realm") {
            let realm = field.text(draft).filter(|realm| super::auth::is_realm(realm, &field, draft));
            realm.into_iter().for_each(|realm| self.set("route", "realm", value::literal(&realm)));
            draft.works(&field, "[route] realm");
        }
        if let Some(field) = keys.take("auth_enabled") {
            if field.boolean(draft) == Some(false) {
                self.set("route", "realm", "off");
            }
            draft.works(&field, "[route] realm = \"off\"");
        }
        if let Some(field) = keys.take("htpasswd") {
            field
                .text(draft)
                .into_iter()
                .for_each(|path| self.set("route", "htpasswd", value::literal(&draft.path(&path))));
            draft.works(&field, "[route] htpasswd");
        }
        if let Some(field) = keys.take("force_max_concurrent_requests") {
            let most = field.number(draft).filter(|most| *most > 0);
            most.into_iter().for_each(|most| self.set("route", "connections", most));
            draft.works(&field, "[route] connections");
        }
        if let Some(field) = keys.take("min_instances") {
            if field.number(draft).is_some_and(|least| least > 0) {
                self.set("unit", "wanted_by", vec!["boot"]);
                self.set("service", "idle_stop", "infinity");
            }
            draft.works(&field, "[unit] wanted_by = [\"boot\"], without idle_stop");
        }
        if let Some(field) = keys.take("max_processes") {
            draft.refuse(&field, "a tenant is one process; let Puma have workers (WEB_CONCURRENCY)");
        }
    }

    /// With the hooks as keys.
    pub fn finished(&self) -> Self {
        let mut all = self.clone();
        let commands = |hooks: &[Hook]| -> Vec<Vec<String>> { hooks.iter().map(|hook| hook.command.clone()).collect() };
        if !self.start.is_empty() {
            all.set("service", "exec_start_pre", commands(&self.start));
            let start: Duration = self.start.iter().map(Hook::limit).sum();
            all.set("service", "timeout_start", format!("{}s", (start + START).as_secs()));
        }
        if !self.stop.is_empty() {
            all.set("service", "exec_stop_post", commands(&self.stop));
            let longest = self.stop.iter().map(Hook::limit).max().unwrap_or_default();
            if longest > STOP {
                all.set("service", "timeout_stop", format!("{}s", longest.as_secs()));
            }
        }
        all
    }

    /// What is not the same in `template`, as tables of an instance.
    pub fn beyond(&self, template: &Self) -> Vec<(String, Toml)> {
        let mut tables: Vec<(String, Toml)> = Vec::new();
        for (section, key, value) in self.values.iter().filter(|(s, k, v)| template.value(s, k) != Some(v)) {
            let entry = ((*key).to_owned(), value.clone());
            match tables.iter_mut().find(|(name, _)| name == section) {
                Some((_, Toml::Map(entries))) => entries.push(entry),
                _ => tables.push(((*section).to_owned(), Toml::Map(vec![entry]))),
            }
        }
        tables
    }

    /// Writes the values of one section into its table.
    pub fn write(&self, section: &str, table: &mut Table) {
        for (_, key, value) in self.values.iter().filter(|(name, ..)| *name == section) {
            table.set(key, value.clone());
        }
    }
}
