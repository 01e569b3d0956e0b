//! 371 tenants of one template file.

use crate::harness::{Init, verb};
use crate::setup::free_address;
use crate::web::web;

const TENANTS: usize = 371;

fn names() -> Vec<String> {
    (0..TENANTS).map(|n| format!("event-{n}")).collect()
}

#[test]
fn they_are_checked() {
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let setup = Init::new().web(&web(&names));
    setup.write(free_address());
    verb(setup.path(), &["check"]).expect(0);
}

#[test]
fn they_boot_and_answer() {
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let init = Init::new().web(&web(&names)).start();
    assert_eq!(init.list().len(), TENANTS);
    for n in [0, 1, 185, 369, 370] {
        assert_eq!(init.get(&format!("/event-{n}")).expect(200).json()["tenant"], format!("event-{n}"));
    }
    let up = init.list().iter().filter(|unit| unit["active"] == "active").count();
    assert_eq!(up, 5);
    assert_eq!(init.stop().code(), Some(0));
}

#[test]
fn two_of_them_with_one_route_are_refused() {
    let twice = web(&["a", "b"]).route("path = \"/same\"");
    let setup = Init::new().web(&twice);
    setup.write(free_address());
    let ran = verb(setup.path(), &["check"]).expect(78);
    let text = ran.stdout + &ran.stderr;
    assert!(text.contains("/same") && text.contains("web@.toml"), "{text}");
}
