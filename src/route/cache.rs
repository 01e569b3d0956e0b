//! Cache-Control of files: which rule says it for a path (`[[cache]]`, `[static]`). Pure.

use std::time::Duration;

use crate::config::Config;

/// Who has a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The front door (`[static]`).
    FrontDoor,
    /// A tenant (`[route] public`).
    Tenant,
}

/// All rules, the longest path first.
#[derive(Debug, Default)]
pub struct CacheRules {
    rules: Vec<(String, Option<String>)>,
    /// Of files of the front door that no rule covers.
    default: Option<String>,
}

impl CacheRules {
    /// Those of a configuration.
    pub fn new(config: &Config) -> Self {
        let files = &config.files;
        let rules =
            config.cache.iter().map(|rule| (rule.path.clone(), rule.max_age.map(|age| value(age, rule.immutable))));
        let mut rules: Vec<_> = rules.collect();
        rules.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Self { rules, default: files.max_age.map(|age| value(age, files.immutable)) }
    }

    /// Cache-Control of the file that answers this path; `None` if no rule covers it, `Some("")` if one without `max_age`
    /// says that there is none.
    pub fn of(&self, path: &str, owner: Owner) -> Option<&str> {
        match self.rules.iter().find(|(beginning, _)| path.starts_with(beginning)) {
            Some((_, value)) => Some(value.as_deref().unwrap_or_default()),
            None => self.default.as_deref().filter(|_| owner == Owner::FrontDoor),
        }
    }
}

fn value(age: Duration, immutable: bool) -> String {
    format!("public, max-age={}{}", age.as_secs(), if immutable { ", immutable" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CacheRule;

    #[test]
    fn the_longest_path_counts_and_then_the_default_of_the_front_door() {
        let rule = |path: &str, days: Option<u64>, immutable| CacheRule {
            path: path.into(),
            max_age: days.map(|days| Duration::from_secs(days * 86400)),
            immutable,
        };
        let cache = vec![
            rule("/s/", Some(1), false),
            rule("/s/assets/", Some(365), true),
            rule("/s/assets/live", None, false),
            rule("/zero", Some(0), true),
        ];
        let mut config = Config { cache, ..Config::default() };
        let (day, year) = ("public, max-age=86400", "public, max-age=31536000, immutable");
        for (path, said) in [
            ("/s/assets/a.css", Some(year)),
            ("/s/assets/live.js", Some("")),
            ("/s/a.css", Some(day)),
            ("/s/assets", Some(day)),
            ("/s", None),
            ("/zero", Some("public, max-age=0, immutable")),
            ("/", None),
        ] {
            assert_eq!(CacheRules::new(&config).of(path, Owner::FrontDoor), said, "{path}");
        }
        config.files.max_age = Some(Duration::ZERO);
        let rules = CacheRules::new(&config);
        assert_eq!(rules.of("/", Owner::FrontDoor), Some("public, max-age=0"));
        assert_eq!(rules.of("/", Owner::Tenant), None);
        assert_eq!(rules.of("/s/assets/a.css", Owner::Tenant), Some(year));
    }
}
