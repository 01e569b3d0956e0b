//! Which template a configuration makes of its tenants, and what never gets into it.

use super::{DAEMON, loaded, units, words};
use crate::config::load;
use crate::unit::{Engine, NotifyAccess, Restart, ServiceType, Target, Unit, unlike};

const WEB: &str = r#"
[service]
type = "notify"
exec_start = ["bundle", "exec", "puma", "-C", "config/puma.rb", "-b", "unix://%t/%n.sock", "config.ru"]
working_directory = "/rails"
user = "rails"
pass_environment = ["RAILS_MASTER_KEY"]
environment_file = ["/etc/rails.env"]
idle_stop = "5m"
preload = "rails"
[service.environment]
RAILS_ENV = "production"
SOCKET = "%t/x.sock"
DATABASE_URL = "sqlite3:/data/%i.sqlite3"
TITLE = "Event ${title}"
LOGO = "logo.png"
[sandbox]
memory_max = "512M"
[route]
path = "/%i"
[[instance]]
name = "boston"
vars = { title = "Boston" }
environment = { SECRET_KEY_BASE = "boston's", LOGO = "boston.png" }
"#;

fn with(text: &str) -> Vec<Unit> {
    units(&[DAEMON, ("units/web@.toml", text)])
}

fn complaints(text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("units")).unwrap();
    std::fs::write(dir.path().join("units/web@.toml"), text).unwrap();
    let found = match load(dir.path(), &|_| None) {
        Ok(loaded) => loaded.warnings,
        Err(errors) => errors,
    };
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_template_is_a_unit_of_its_own_and_no_tenant() {
    let all = with(WEB);
    let [boston, template] = &all[..] else { panic!("{all:?}") };
    assert_eq!((template.name.as_str(), template.name.clone()), ("web@.preload", boston.name.template()));
    assert!(template.route.is_none() && template.socket.is_none() && template.wanted_by.is_empty());
    assert!(!template.sandbox.is_set(), "the pages that all share are charged to it");
    let service = &template.service;
    let boot = ["bundle", "exec", "ruby", "/run/t/preload/rails.rb"];
    assert_eq!((service.kind, service.restart), (ServiceType::Notify, Restart::Always));
    assert_eq!((service.notify_access, service.preload, service.idle_stop), (NotifyAccess::None, None, None));
    assert_eq!(
        (service.user.as_deref(), service.working_directory.as_deref()),
        (Some("rails"), Some("/rails".as_ref()))
    );
    assert_eq!(service.environment_file.len(), 1);
    let about = template.template.as_deref().unwrap();
    assert_eq!(
        (about.engine, about.hook.as_path(), about.hook_required),
        (Engine::Rails, "/rails/config/tenant_fork.rb".as_ref(), false)
    );
    assert_eq!((about.warm.clone(), about.idle_stop), (words(&["/"]), boston.service.idle_stop));
    let argv = ["puma", "-C", "config/puma.rb", "-b", "unix:///run/t/web@.preload.sock", "config.ru"];
    assert_eq!(about.argv, words(&argv));
    // Its words make room for the title of a process.
    assert_eq!(service.exec_start, words(&[&boot[..], &argv].concat()));
    assert_eq!(unlike(template, boston), None);
}

#[test]
fn nothing_of_one_tenant_gets_into_the_template() {
    // Even if there is but one: the next may come with the next reload.
    let environment = with(WEB).remove(1).service.environment;
    let all: Vec<_> = environment.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(all, ["LOGO=logo.png", "RAILS_ENV=production", "SOCKET=/run/t/x.sock"]);
    let own = WEB.replace("[\"/etc/rails.env\"]", "[\"/etc/%i.env\"]");
    assert!(with(&own).remove(1).service.environment_file.is_empty());
}

#[test]
fn what_a_user_says_of_it() {
    let keys = "preload_warm = [\"/up\", \"/events\"]\npreload_hook = \"lib/fork.rb\"\npreload_env = [\"TITLE\"]\npreload_start = \"boot\"\n";
    let template = with(&WEB.replace("preload = \"rails\"\n", &format!("preload = \"rails\"\n{keys}"))).remove(1);
    let about = template.template.as_deref().unwrap();
    assert_eq!((about.warm.clone(), about.declared.clone()), (words(&["/up", "/events"]), words(&["TITLE"])));
    assert_eq!((about.hook.as_path(), about.hook_required), ("/rails/lib/fork.rb".as_ref(), true));
    // What starts with tenantd stays.
    assert_eq!((template.wanted_by, about.idle_stop), (vec![Target::Boot], None));
}

#[test]
fn gunicorn_has_the_python_of_its_own() {
    for (command, python) in
        [("gunicorn app:app", "python3"), ("/app/venv/bin/gunicorn app:app", "/app/venv/bin/python3")]
    {
        let puma = "[\"bundle\", \"exec\", \"puma\", \"-C\", \"config/puma.rb\", \"-b\", \"unix://%t/%n.sock\", \"config.ru\"]";
        let text =
            WEB.replace(puma, &format!("\"{command}\"")).replace("\"rails\"\n[service.env", "\"wsgi\"\n[service.env");
        let template = with(&text).remove(1);
        assert_eq!(template.service.exec_start[..2], words(&[python, "/run/t/preload/wsgi.py"]));
        assert!(template.template.is_some_and(|about| about.hook.ends_with("tenant_fork.py")));
    }
}

#[test]
fn who_is_unlike_its_template_is_started_by_exec() {
    for (line, key) in [
        ("[instance.service]\nuser = \"other\"", Some("user")),
        ("[instance.service]\nworking_directory = \"/other\"", Some("working_directory")),
        ("[instance.service]\nexec_start = [\"puma\"]", Some("exec_start")),
        ("[instance.service]\npass_environment = [\"MORE\"]", Some("pass_environment")),
        ("[instance.service]\nexec_start = [\"bundle\", \"exec\", \"puma\"]", None),
        ("[instance.sandbox]\nmemory_max = \"1G\"", None),
    ] {
        let all = loaded(&[
            DAEMON,
            ("units/web@.toml", &format!("{WEB}[[instance]]\nname = \"nyc\"\nvars = {{ title = \"\" }}\n{line}")),
        ])
        .units;
        let find = |name: &str| all.iter().find(|unit| unit.name.as_str() == name).unwrap();
        assert_eq!(unlike(find("web@.preload"), find("web@nyc")), key, "{line}");
        assert_eq!(unlike(find("web@.preload"), find("web@boston")), None, "{line}");
    }
}

#[test]
fn a_template_of_tenants_with_users_of_their_own_is_whoever_we_are() {
    let text = WEB.replace("user = \"rails\"", "user = \"tenant-%i\"");
    let all = loaded(&[DAEMON, ("units/web@.toml", &text)]);
    assert_eq!((all.units[1].service.user.clone(), unlike(&all.units[1], &all.units[0])), (None, None));
    assert!(all.warnings[0].to_string().contains("users of their own"), "{:?}", all.warnings);
}

#[test]
fn what_cannot_be_forked_is_said_by_check() {
    for (what, with, why) in [
        ("\"puma\"", "\"rails\", \"server\"", "exec_start does not run puma"),
        ("working_directory = \"/rails\"", "", "where is the application? write working_directory"),
        (
            "working_directory = \"/rails\"",
            "working_directory = \"/rails/%i\"",
            "a working_directory that all tenants share",
        ),
        ("[route]", "[socket]\npass = \"port\"\n[route]", "gets its socket passed"),
        ("preload = \"rails\"", "preload = \"django\"", "unknown word \"django\""),
        ("preload = \"rails\"", "preload_warm = [\"/\"]", "there is no preload"),
        ("preload = \"rails\"", "preload = \"rails\"\npreload_warm = [\"up\"]", "a path to ask for begins with /"),
        ("name = \"boston\"", "name = \".preload\"", "is the template itself"),
    ] {
        assert!(WEB.contains(what), "{what}");
        let said = complaints(&WEB.replacen(what, with, 1));
        assert!(said.iter().any(|line| line.contains(why)), "{with}: {said:?}");
    }
}
