//! The configuration as the command line judges it: every mistake at once, with its place, before anything is touched.

use std::fs;

use crate::harness::{Init, verb};
use crate::setup::free_address;
use crate::web::web;

#[test]
fn a_good_configuration_is_checked_without_a_word_too_many() {
    let setup = Init::new().web(&web(&["boston"]));
    setup.write(free_address());
    verb(setup.path(), &["check"]).expect(0);
    assert!(!setup.path().join("run").exists(), "check touched the runtime directory");
    verb(setup.path(), &["check", "--json"]).expect(0).json();
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let setup = Init::new()
        .config("[helth]\npath = \"/up\"")
        .unit("one.toml", "[service]\nexec_strat = [\"true\"]\n")
        .unit("two.toml", "[service]\nexec_start = [\"true\"]\nidle_stop = \"5 parsecs\"\n")
        .unit("three@.toml", "[service]\nexec_start = [\"${missing}\", \"%q\"]\n[[instance]]\nname = \"a\"\n");
    setup.write(free_address());
    let ran = verb(setup.path(), &["check"]).expect(78);
    let text = ran.stdout + &ran.stderr;
    for wanted in
        ["tenantd.toml:", "one.toml:2:", "exec_start", "two.toml:3:", "three@.toml:2:", "missing", "%q", "health"]
    {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

#[test]
fn a_broken_configuration_ends_the_start_with_78() {
    for ordinary in [false, true] {
        let setup = Init::new().ordinary(ordinary).unit("one.toml", "[service]\nexec_strat = [\"true\"]\n");
        let mut init = setup.launch(free_address());
        assert_eq!(init.wait().code(), Some(78));
        init.wait_log(&["one.toml:2:"]);
    }
}

#[test]
fn a_missing_directory_is_named() {
    let ran = verb(std::path::Path::new("/nowhere/at/all"), &["check"]);
    assert_ne!(ran.code, 0);
    assert!((ran.stdout + &ran.stderr).contains("/nowhere/at/all"));
}

#[test]
fn an_unknown_verb_says_what_there_is() {
    let setup = Init::new();
    setup.write(free_address());
    let ran = verb(setup.path(), &["status", "--no-such-flag"]);
    // EX_USAGE of sysexits(3).
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.stderr.contains("--no-such-flag"), "{ran:?}");
}

#[test]
fn the_smallest_configuration_is_empty() {
    let setup = Init::new();
    fs::write(setup.path().join("tenantd.toml"), "").expect("tenantd.toml");
    verb(setup.path(), &["check"]).expect(0);
}

#[test]
fn an_instance_may_be_a_file_and_drop_ins_are_merged() {
    let setup = Init::new().web(&web(&["boston"])).unit("web@nyc.toml", "[unit]\ndescription = \"New York\"\n");
    fs::create_dir(setup.path().join("units/web@.toml.d")).expect("a directory");
    fs::write(
        setup.path().join("units/web@.toml.d/10-test.toml"),
        "[service]\nenvironment = { EXTRA = \"dropped in\" }\n",
    )
    .expect("a drop-in");
    let init = setup.start();
    assert_eq!(init.status("web@nyc")["description"], "New York");
    let environment = init.get("/nyc/environment").expect(200).text();
    assert!(environment.contains("EXTRA=dropped in") && environment.contains("TENANT=nyc"), "{environment}");
}

#[test]
fn t81_what_cannot_be_ordered_is_refused_before_anything_is_touched() {
    const BROKEN: [(&str, &str, &str); 3] = [
        ("one.toml", "[service]\nexec_start = [\"true\"]\n[unit]\nafter = [\"two\"]\n", "units/one.toml:4:"),
        ("self.toml", "[service]\nexec_start = [\"true\"]\n[unit]\nafter = [\"self\"]\n", "units/self.toml:4:"),
        ("web@.toml", "[service]\nexec_start = [\"${missing}\"]\n[[instance]]\nname = \"a\"\n", "units/web@.toml:2:"),
    ];
    for (file, text, place) in BROKEN {
        let two = "[service]\nexec_start = [\"true\"]\n[unit]\nafter = [\"one\"]\n";
        let setup = Init::new()
            .unit(file, text)
            .unit("two.toml", if file == "one.toml" { two } else { "[service]\nexec_start = \"true\"\n" });
        setup.write(free_address());
        for words in [&["check"][..], &["run"], &[]] {
            let ran = verb(setup.path(), words).expect(78);
            assert!(ran.stderr.contains(place), "{ran:?}");
        }
        assert!(!setup.path().join("run").exists(), "{file}: the runtime directory was made");
    }
}

#[test]
fn explain_and_schema_need_no_configuration() {
    let nowhere = std::path::Path::new("/nowhere/at/all");
    let text = verb(nowhere, &["explain", "[service]"]).expect(0).stdout;
    assert!(text.contains("exec_start") && text.contains("takes: "), "{text}");
    let miss = verb(nowhere, &["explain", "exec_strat"]).expect(4);
    assert!(miss.stderr.contains("did you mean \"exec_start\"?"), "{miss:?}");
    let codes = verb(nowhere, &["explain", "exit-codes", "--json"]).expect(0).json();
    let user = codes["names"].as_array().expect("names").iter().find(|one| one["code"] == 217).expect("217");
    assert_eq!(user["name"], "USER");
    let all = verb(nowhere, &["explain", "--json"]).expect(0).json();
    assert!(all.as_array().is_some_and(|sections| sections.len() >= 10), "{all}");
    let schema = verb(nowhere, &["schema", "unit"]).expect(0).json();
    assert_eq!(schema["properties"]["service"]["properties"]["essential"]["type"], "boolean");
    verb(nowhere, &["schema", "x"]).expect(64);
}
