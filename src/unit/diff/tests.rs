//! Every key of every section is classified, changed once, and found.

use std::collections::BTreeSet;

use super::*;
use crate::unit::SECTIONS;

/// Keys that are used when a process is made, by section. A new key belongs here or into `AT_ONCE`.
const AT_START: [(&str, &[&str]); 4] = [
    ("unit", &["priority"]),
    (
        "service",
        &[
            "type",
            "exec_start",
            "exec_start_pre",
            "exec_start_post",
            "working_directory",
            "user",
            "group",
            "supplementary_groups",
            "umask",
            "nice",
            "oom_score_adj",
            "limit_nofile",
            "limit_nproc",
            "limit_core",
            "limit_memlock",
            "limit_stack",
            "limit_as",
            "limit_fsize",
            "limit_cpu",
            "limit_data",
            "runtime_directory",
            "runtime_directory_mode",
            "state_directory",
            "state_directory_mode",
            "environment",
            "environment_file",
            "pass_environment",
            "watchdog",
            "remain_after_exit",
            "preload",
            "preload_warm",
            "preload_hook",
            "preload_env",
            "preload_start",
        ],
    ),
    ("sandbox", &["memory_max", "memory_high", "tasks_max", "cpu_weight", "cpu_quota"]),
    ("socket", &["pass", "listen", "mode"]),
];

#[test]
fn every_key_is_classified_once() {
    for section in SECTIONS {
        let waits = AT_START.iter().find(|(name, _)| *name == section.name).map_or(&[][..], |(_, keys)| keys);
        let live = at_once(section.name);
        let both: BTreeSet<_> = live.iter().chain(waits).collect();
        assert_eq!(both.len(), live.len() + waits.len(), "[{}]: a key is classified twice", section.name);
        for key in section.keys {
            assert!(
                both.contains(&key.name),
                "[{}] {}: does it count at once, or at the next start?",
                section.name,
                key.name
            );
        }
        assert_eq!(both.len(), section.keys.len(), "[{}]: a key is classified that is not there", section.name);
    }
}

/// The unit of this text, as `units/web.toml`.
fn unit(text: &str) -> Unit {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("units")).unwrap();
    std::fs::write(dir.path().join("tenantd.toml"), "runtime_directory = '/run/t'").unwrap();
    std::fs::write(dir.path().join("units/web.toml"), text).unwrap();
    let loaded = crate::config::load(dir.path(), &|_| None).unwrap_or_else(|all| panic!("{text}: {all:?}"));
    loaded.units.into_iter().next().unwrap()
}

const WEB: &str = "[service]\nexec_start = 'x'\n[route]\npath = '/a'\n[unit]\n";

#[test]
fn what_has_changed_and_when_it_counts() {
    for (old, new, at_once, at_start) in [
        (WEB, WEB, "", ""),
        ("exec_start = 'x'", "exec_start = 'y'", "", "exec_start"),
        ("exec_start = 'x'", "exec_start = 'x'\nuser = 'u'\nidle_stop = '1s'", "idle_stop", "user"),
        ("exec_start = 'x'", "type = 'notify'\nexec_start = 'x'", "", "type"),
        ("path = '/a'", "path = '/b'\nqueue = 1", "path queue", ""),
        ("path = '/a'", "path = '/a'\n[socket]\nmode = '0600'", "", "mode"),
        ("[route]\npath = '/a'\n", "", "route", "socket"),
        ("[unit]", "[unit]\ndescription = 'd'", "description", ""),
        ("[unit]", "[unit]\nwanted_by = ['boot']", "wanted_by", ""),
    ] {
        let (before, after) = (unit(WEB), unit(&WEB.replace(old, new)));
        let found = before.difference(&after);
        assert_eq!(found.at_once.join(" "), at_once, "{new}");
        assert_eq!(found.at_start.join(" "), at_start, "{new}");
        let mut merged = before.clone();
        merged.adopt(&after);
        assert_eq!(
            merged.difference(&after),
            Difference { at_once: vec![], ..found },
            "{new}: what counts at once is adopted"
        );
    }
}

#[test]
fn a_route_waits_for_its_socket() {
    let (without, with) = (unit("[service]\nexec_start = 'x'"), unit(WEB));
    let found = without.difference(&with);
    assert_eq!((found.at_once.len(), found.at_start.join(" ")), (0, "socket route".to_owned()));
    let mut merged = without.clone();
    merged.adopt(&with);
    assert_eq!(merged.route, None);
}

#[test]
fn what_it_means() {
    let of = |at_once: &[&'static str], at_start: &[&'static str]| Difference {
        at_once: at_once.to_vec(),
        at_start: at_start.to_vec(),
    };
    for (difference, busy, high, change) in [
        (of(&[], &[]), true, true, Change::Unchanged),
        (of(&["wait"], &[]), true, true, Change::Live),
        (of(&["wait"], &["user"]), false, true, Change::Live),
        (of(&[], &["user"]), true, false, Change::NextStart),
        (of(&["wait"], &["user"]), true, true, Change::NeedsRestart),
    ] {
        assert_eq!(difference.change(busy, high), change, "{difference:?} {busy} {high}");
    }
}
