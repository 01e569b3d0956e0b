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
    let own = [in_routes(place, context), in_gem(place), Some(at_request_time(key, context))];
    let own = own.into_iter().flatten().next().unwrap_or_default();
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

    #[test]
    fn the_cure_depends_on_where_it_was_read() {
        let rails = Context { engine: Engine::Rails, file: "web@.toml", hook: "config/tenant_fork.rb" };
        let wsgi = Context { engine: Engine::Wsgi, hook: "tenant_fork.py", ..rails };
        let same = "give all tenants the same value: write it in [service.environment] of web@.toml";
        let declare = "write preload_env = [\"T\"] below [service] of web@.toml, and in ";
        let request = "where it is needed, in a method that runs for a request, and not while booting";
        for (context, place, fixed, expected) in [
            (rails, "", true, vec![same.to_owned()]),
            (
                rails,
                "config/initializers/t.rb:3",
                false,
                vec![
                    format!("read ENV[\"T\"] {request}"),
                    format!("{declare}config/tenant_fork.rb: load \"config/initializers/t.rb\" (if it can run twice; else set anew what it makes of ENV[\"T\"])"),
                    same.to_owned(),
                ],
            ),
            (
                rails,
                "config/routes.rb:7",
                false,
                vec![
                    "take it out of the routes, and mount the tenant by RAILS_RELATIVE_URL_ROOT: routes are never made again".to_owned(),
                    format!("{declare}config/tenant_fork.rb set anew what config/routes.rb:7 makes of ENV[\"T\"]"),
                    same.to_owned(),
                ],
            ),
            (
                wsgi,
                "gem x-1.2: lib/x.rb:7",
                false,
                vec![
                    "set what x-1.2 makes of it by its own configuration, for each request".to_owned(),
                    format!("{declare}tenant_fork.py set anew what gem x-1.2: lib/x.rb:7 makes of os.environ[\"T\"]"),
                    same.to_owned(),
                ],
            ),
            (
                wsgi,
                "",
                false,
                vec![
                    format!("read os.environ[\"T\"] {request}"),
                    format!("{declare}tenant_fork.py set anew what was made of os.environ[\"T\"]"),
                    same.to_owned(),
                ],
            ),
        ] {
            let places = if place.is_empty() { Vec::new() } else { vec![place.to_owned()] };
            assert_eq!(cures(&Difference { key: "T".to_owned(), places, fixed }, &context), expected, "{place}");
        }
    }
}
