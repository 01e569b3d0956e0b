//! Whether a request meets maintenance: what the configuration says, the boot phase, and the operator's last word. Pure.

use crate::config::Maintenance;
use crate::unit::Pattern;

/// Most single words of operators that count at once.
const MOST: usize = 256;

/// Why all tenants are in maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintained {
    /// `tenantd maintenance on`.
    Command,
    /// `[maintenance] enabled`.
    Configuration,
    /// `[maintenance] until_ready`.
    Boot,
}

impl Maintained {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Configuration => "configuration",
            Self::Boot => "boot",
        }
    }
}

/// The state of maintenance. A reload does not change what an operator has said; a restart of tenantd forgets it.
#[derive(Debug, Default)]
pub struct MaintenanceRules {
    enabled: bool,
    until_ready: bool,
    ready: bool,
    /// The operator's word for all.
    all: Option<bool>,
    /// And for some, the last one that matches counts.
    some: Vec<(Pattern, bool)>,
}

impl MaintenanceRules {
    /// Another configuration.
    pub fn configure(&mut self, config: &Maintenance) {
        (self.enabled, self.until_ready) = (config.enabled, config.until_ready);
    }

    /// Boot is over.
    pub fn ready(&mut self) {
        self.ready = true;
    }

    /// The operator switches all tenants; what was said for single ones is forgotten.
    pub fn switch(&mut self, on: bool) {
        self.all = Some(on);
        self.some.clear();
    }

    /// The operator switches those that match.
    ///
    /// # Errors
    /// If there are too many such words already: says what to do.
    pub fn switch_some(&mut self, pattern: &Pattern, on: bool) -> Result<(), String> {
        self.some.retain(|(older, _)| !means_all_of(pattern, older));
        if self.is_off() && !on {
            return Ok(());
        }
        if self.some.len() >= MOST {
            return Err(format!("more than {MOST} names and patterns; switch all of them with one pattern"));
        }
        self.some.push((pattern.clone(), on));
        Ok(())
    }

    /// Nobody is in maintenance, and a request needs no further look.
    pub fn is_off(&self) -> bool {
        self.some.is_empty() && self.all().is_none()
    }

    /// Why all are, but for those of whom something else was said.
    pub fn all(&self) -> Option<Maintained> {
        match self.all {
            Some(true) => Some(Maintained::Command),
            Some(false) => None,
            None if self.enabled => Some(Maintained::Configuration),
            None if self.until_ready && !self.ready => Some(Maintained::Boot),
            None => None,
        }
    }

    /// Whether a request for this tenant, or for nobody, meets maintenance.
    pub fn covers(&self, tenant: Option<&str>) -> bool {
        let said = tenant.and_then(|name| self.some.iter().rev().find(|(pattern, _)| pattern.matches(name)));
        said.map_or_else(|| self.all().is_some(), |(_, on)| *on)
    }

    /// What was said of some, in order.
    pub fn some(&self) -> impl Iterator<Item = (&str, bool)> {
        self.some.iter().map(|(pattern, on)| (pattern.as_str(), *on))
    }
}

/// Whatever the older one means the new one means too. A `?` is one character, and no `*`.
fn means_all_of(new: &Pattern, older: &Pattern) -> bool {
    let (new_text, older_text) = (new.as_str(), older.as_str());
    new_text == older_text || new.matches(older_text) && !(new_text.contains('?') && older_text.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(enabled: bool, until_ready: bool) -> MaintenanceRules {
        let mut rules = MaintenanceRules::default();
        rules.configure(&Maintenance { enabled, until_ready, ..Maintenance::default() });
        rules
    }

    /// Words such as `on`, `off web@*`, `ready`; then who is in maintenance of nobody, web@a, web@b.
    #[test]
    fn the_last_word_counts() {
        for (enabled, until_ready, words, covered) in [
            (false, false, &[][..], [false, false, false]),
            (true, false, &[], [true, true, true]),
            (false, true, &[], [true, true, true]),
            (false, true, &["ready"], [false, false, false]),
            (true, true, &["ready"], [true, true, true]),
            (true, true, &["off"], [false, false, false]),
            (false, false, &["on"], [true, true, true]),
            (false, false, &["on web@a"], [false, true, false]),
            (false, false, &["on web@*", "off web@a"], [false, false, true]),
            (false, false, &["on web@*", "off web@a", "on web@?"], [false, true, true]),
            (false, false, &["on web@*", "off web@*"], [false, false, false]),
            (true, false, &["off web@b"], [true, true, false]),
            (false, false, &["on", "off web@b"], [true, true, false]),
            (false, false, &["on web@a", "off"], [false, false, false]),
            (false, false, &["on web@*", "off web@?"], [false, false, false]),
            (false, true, &["off web@a", "ready"], [false, false, false]),
            (false, true, &["on web@a", "ready"], [false, true, false]),
        ] {
            let mut rules = configured(enabled, until_ready);
            for word in words {
                match word.split_once(' ') {
                    Some((on, pattern)) => rules.switch_some(&Pattern::new(pattern), on == "on").unwrap(),
                    None if *word == "ready" => rules.ready(),
                    None => rules.switch(*word == "on"),
                }
            }
            let found = [None, Some("web@a"), Some("web@b")].map(|tenant| rules.covers(tenant));
            assert_eq!(found, covered, "{enabled} {until_ready} {words:?}");
            assert!(!rules.is_off() || found == [false; 3], "{words:?}");
        }
    }

    #[test]
    fn a_reload_changes_no_word_and_words_are_bounded() {
        let mut rules = configured(true, false);
        rules.switch(false);
        rules.configure(&Maintenance { enabled: true, ..Maintenance::default() });
        assert!(rules.is_off());
        for n in 0..MOST {
            rules.switch_some(&Pattern::new(&format!("web@{n}")), true).unwrap();
        }
        assert!(rules.switch_some(&Pattern::new("other"), true).is_err());
        // The same again takes no more room, and one for all of them gives it back.
        rules.switch_some(&Pattern::new("web@1"), true).unwrap();
        rules.switch_some(&Pattern::new("web@*"), true).unwrap();
        assert_eq!(rules.some().collect::<Vec<_>>(), [("web@*", true)]);
        rules.switch_some(&Pattern::new("web@?"), false).unwrap();
        assert!(rules.covers(Some("web@ab")) && !rules.covers(Some("web@a")));
    }
}
