//! The fuzz targets over the corpus that is kept: what was found once stays found.

use std::env;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::Command;

use crate::targets;

/// Inputs of a target; the names of files of tests/fuzz/corpus/TARGET.
fn replay(name: &str) {
    let target = targets::target(name).expect("a target");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(directory).expect("a corpus").flatten().map(|entry| entry.path()).collect();
    files.sort();
    assert!((5..=50).contains(&files.len()), "{name}: {} inputs: keep a few", files.len());
    for file in files {
        let input = fs::read(&file).expect("an input");
        assert!(input.len() <= 4096, "{}: too long to keep", file.display());
        assert!(catch_unwind(|| target(&input)).is_ok(), "{}", file.display());
    }
}

#[test]
fn heads_of_requests() {
    replay("request_head");
}

#[test]
fn heads_of_answers() {
    replay("response_head");
}

#[test]
fn headers_of_balancers() {
    replay("proxy_protocol");
}

#[test]
fn messages_of_templates() {
    replay("preload");
}

#[test]
fn chunked_bodies() {
    replay("chunked");
}

#[test]
fn requests_that_go_on() {
    replay("round_trip");
}

#[test]
fn answers_that_go_on() {
    replay("answer");
}

/// In a process of its own: what other tests fork holds connections of this one open for a moment.
#[test]
fn whole_exchanges() {
    const ALONE: &str = "FUZZ_ALONE";
    if env::var_os(ALONE).is_some() {
        return replay("exchange");
    }
    let own = env::current_exe().expect("this program");
    let ran = Command::new(own).args(["--exact", "fuzz::whole_exchanges"]).env(ALONE, "1").output().expect("run");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    assert!(String::from_utf8_lossy(&ran.stdout).contains("1 passed"), "it was not run");
}
