//! What a developer can do about a variable in which tenants differ, in words. Pure.

use crate::preload::Difference;
use crate::unit::Engine;

/// Of whom these words are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub engine: Engine,
    /// The template's unit file, as its user knows it: `showcase@.toml`.
    pub file: &'a str,
    /// `config/tenant_fork.rb`.
    pub hook: &'a str,
}

/// Ways out, best first; each is one line.
pub(super) fn cures(difference: &Difference, context: &Context<'_>) -> Vec<String> {
    let Difference { key, places, fixed } = difference;
    let same = format!("give all tenants the same value: write it in [service.environment] of {}", context.file);
    if *fixed {
        return vec![same];
    }
    let place = places.first().map_or("", String::as_str);
    if context.engine == Engine::Rails && !places.is_empty() && places.iter().all(|place| place.starts_with("db/")) {
        // What is made of it is gone before the first fork.
        let file = context.file;
        return vec![format!(
            "write preload_env = [\"{key}\"] below [service] of {file}: it is for the template's own database only"
        )];
    }
    let own = in_routes(place, context).or_else(|| in_gem(place)).unwrap_or_else(|| at_request_time(key, context));
    let declared = format!(
        "write preload_env = [\"{key}\"] below [service] of {}, and {}",
        context.file,
        again(key, place, context)
    );
    vec![own, declared, same]
}

fn at_request_time(key: &str, context: &Context<'_>) -> String {
    format!(
        "read {} where it is needed, in a method that runs for a request, and not while booting",
        variable(key, context)
    )
}

/// As the application's language says it.
fn variable(key: &str, context: &Context<'_>) -> String {
    match context.engine {
        Engine::Rails => format!("ENV[\"{key}\"]"),
        Engine::Wsgi => format!("os.environ[\"{key}\"]"),
    }
}

/// Routes cost most to make again: 0.2 ms each, and memory that was shared.
fn in_routes(place: &str, context: &Context<'_>) -> Option<String> {
    let routes = context.engine == Engine::Rails && place.starts_with("config/routes");
    let cure =
        "take it out of the routes, and mount the tenant by RAILS_RELATIVE_URL_ROOT: routes are never made again";
    routes.then(|| cure.to_owned())
}

fn in_gem(place: &str) -> Option<String> {
    let gem = place.strip_prefix("gem ")?.split(':').next()?;
    Some(format!("set what {gem} makes of it by its own configuration, for each request"))
}

/// What the hook has to do.
fn again(key: &str, place: &str, context: &Context<'_>) -> String {
    let (hook, file) = (context.hook, place.rsplit_once(':').map_or(place, |(file, _)| file));
    let variable = variable(key, context);
    match context.engine {
        Engine::Rails if key == "RAILS_RELATIVE_URL_ROOT" => {
            format!(
                "in {hook} set anew what {place} makes of it; for a session's cookie: Tenantd::Preload.session(path: {variable})"
            )
        }
        Engine::Rails if file.starts_with("config/initializers/") => {
            format!("in {hook}: load \"{file}\" (if it can run twice; else set anew what it makes of {variable})")
        }
        _ if file.is_empty() => format!("in {hook} set anew what was made of {variable}"),
        _ => format!("in {hook} set anew what {place} makes of {variable}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAILS: Context<'_> = Context { engine: Engine::Rails, file: "web@.toml", hook: "config/tenant_fork.rb" };
    const WSGI: Context<'_> = Context { engine: Engine::Wsgi, file: "web@.toml", hook: "tenant_fork.py" };

    fn of(context: Context<'_>, key: &str, place: &str) -> Vec<String> {
        let places = if place.is_empty() { Vec::new() } else { vec![place.to_owned()] };
        cures(&Difference { key: key.to_owned(), places, fixed: key == "TZ" }, &context)
    }

    #[test]
    fn the_first_cure_depends_on_where_it_was_read() {
        let request = "where it is needed, in a method that runs for a request, and not while booting";
        for (context, key, place, expected) in [
            (RAILS, "TZ", "", "give all tenants the same value: write it in [service.environment] of web@.toml".to_owned()),
            (RAILS, "T", "config/initializers/t.rb:3", format!("read ENV[\"T\"] {request}")),
            (RAILS, "T", "config/routes.rb:7", "take it out of the routes, and mount the tenant by RAILS_RELATIVE_URL_ROOT: routes are never made again".to_owned()),
            (RAILS, "T", "gem x-1.2: lib/x.rb:7", "set what x-1.2 makes of it by its own configuration, for each request".to_owned()),
            (RAILS, "T", "db/seeds.rb:1", "write preload_env = [\"T\"] below [service] of web@.toml: it is for the template's own database only".to_owned()),
            (WSGI, "T", "", format!("read os.environ[\"T\"] {request}")),
        ] {
            assert_eq!(of(context, key, place)[0], expected, "{place}");
        }
    }

    #[test]
    fn the_second_is_to_declare_it_and_what_the_hook_does_then() {
        for (context, key, place, expected) in [
            (
                RAILS,
                "T",
                "config/initializers/t.rb:3",
                "config/tenant_fork.rb: load \"config/initializers/t.rb\" (if it can run twice; else set anew what it makes of ENV[\"T\"])",
            ),
            (
                RAILS,
                "T",
                "app/models/t.rb:3",
                "config/tenant_fork.rb set anew what app/models/t.rb:3 makes of ENV[\"T\"]",
            ),
            (
                RAILS,
                "RAILS_RELATIVE_URL_ROOT",
                "config/application.rb:36",
                "config/tenant_fork.rb set anew what config/application.rb:36 makes of it; for a session's cookie: Tenantd::Preload.session(path: ENV[\"RAILS_RELATIVE_URL_ROOT\"])",
            ),
            (WSGI, "T", "", "tenant_fork.py set anew what was made of os.environ[\"T\"]"),
        ] {
            let all = of(context, key, place);
            let declared = format!("write preload_env = [\"{key}\"] below [service] of web@.toml, and in {expected}");
            assert_eq!((all.len(), &all[1]), (3, &declared), "{place}");
        }
        assert_eq!((of(RAILS, "TZ", "").len(), of(RAILS, "T", "db/seeds.rb:1").len()), (1, 1));
    }
}
