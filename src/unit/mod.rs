//! Units as values: what a unit file says once it is merged, expanded and checked. Never touches a process.

pub(crate) mod account;
mod bots;
mod check;
mod circle;
pub(crate) mod command;
mod diagnostic;
mod diff;
pub(crate) mod directory;
mod duration;
mod exit_status;
mod header;
mod kind;
pub(crate) mod layers;
mod limit;
pub(crate) mod load;
pub(crate) mod mode;
mod name;
pub(crate) mod nearest;
mod notify_access;
mod path_list;
mod pattern;
pub(crate) mod preload;
mod puma;
pub(crate) mod report;
pub(crate) mod route;
pub(crate) mod sandbox;
pub(crate) mod section;
pub(crate) mod service;
mod signal;
mod size;
mod socket;
pub(crate) mod source;
mod specifier;
mod template;
pub(crate) mod together;
pub(crate) mod value;
mod words;

pub use bots::BotAction;
pub use diagnostic::{Diagnostic, Level};
pub use diff::{Change, Difference};
pub use duration::parse_duration;
pub use exit_status::ExitStatus;
pub use header::Header;
pub use kind::Kind;
pub use limit::Limit;
pub use name::{BadName, Name};
pub use notify_access::{NotifyAccess, Sender};
pub use path_list::EnvironmentFile;
pub use pattern::Pattern;
pub use preload::{Engine, PreloadStart, Template, unlike};
pub use route::Route;
pub use sandbox::Sandbox;
pub use section::{KeyDoc, SectionDoc};
pub use service::{KillMode, Restart, Service, ServiceType};
pub use signal::Signal;
pub use socket::{Listen, Pass, Socket};
pub use template::SECTIONS;
pub use words::{quote, split_words};

use std::path::PathBuf;

slotmap::new_key_type! {
    /// A loaded unit. Generational: the key of an unloaded unit finds nothing.
    pub struct UnitId;
}

/// One unit, merged from its file, drop-ins and instance, with every specifier expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Full name: `vector`, or `showcase@2025-boston`.
    pub name: Name,
    /// The file that defines it, for error texts and `tenantd cat`.
    pub source: PathBuf,
    /// One line for people.
    pub description: String,
    /// `high` units are up before the first tenant and stop after the last.
    pub priority: Priority,
    /// Start after these, stop before them (systemd.unit(5), After=).
    pub after: Vec<Name>,
    /// Start before these, stop after them (Before=).
    pub before: Vec<Name>,
    /// Start these too; if one fails, this unit is not started (Requires=).
    pub requires: Vec<Name>,
    /// Start these too, whatever becomes of them (Wants=).
    pub wants: Vec<Name>,
    /// As `requires`, and stopped when one of them ends (BindsTo=).
    pub binds_to: Vec<Name>,
    /// Stopped and restarted with these (PartOf=).
    pub part_of: Vec<Name>,
    /// Never up together with these (Conflicts=).
    pub conflicts: Vec<Name>,
    /// The lifecycle targets that start this unit.
    pub wanted_by: Vec<Target>,
    /// The process.
    pub service: Service,
    /// What all its processes together may take.
    pub sandbox: Sandbox,
    /// The listening socket that tenantd holds for it.
    pub socket: Option<Socket>,
    /// The part of the URL space that it answers. A unit with a route is a tenant.
    pub route: Option<Route>,
    /// It is the template of tenants, which are forked from it.
    pub template: Option<Box<Template>>,
}

impl Unit {
    /// A unit that no file defines: this service, and nothing around it.
    pub fn bare(name: Name, service: Service) -> Self {
        Self {
            source: PathBuf::new(),
            description: name.to_string(),
            name,
            priority: Priority::Normal,
            after: Vec::new(),
            before: Vec::new(),
            requires: Vec::new(),
            wants: Vec::new(),
            binds_to: Vec::new(),
            part_of: Vec::new(),
            conflicts: Vec::new(),
            wanted_by: Vec::new(),
            service,
            sandbox: Sandbox::default(),
            socket: None,
            route: None,
            template: None,
        }
    }
}

/// `[unit] priority`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// Tenants and everything else.
    #[default]
    Normal,
    /// Vector, Redis, Sidekiq: first up, last down.
    High,
}

/// A lifecycle target that a unit may be wanted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Started when tenantd starts.
    Boot,
    /// Started when every unit of `Boot` is up or has failed.
    Ready,
    /// Started when the last tenant has stopped.
    Idle,
    /// Started when the first tenant comes after `Idle`.
    Resume,
    /// Started at the end, when all but the high units are down.
    Shutdown,
}
