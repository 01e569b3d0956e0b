//! Stories as tables: events in, actions out. Each unit speaks by its name; log lines are kept apart.

mod chaos;
mod conflicts;
mod essential;
mod follow;
mod jobs;
mod lifecycle;
mod pool;
mod preload;
mod property;
mod random;
mod reload;
mod services;
mod shutdown;
mod targets;
mod tenants;
mod world;

pub(super) use world::{World, high, plain, service, tenant};
