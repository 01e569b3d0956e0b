//! Stories as tables: events in, actions out. Each unit speaks by its name; log lines are kept apart.

mod jobs;
mod lifecycle;
mod property;
mod reload;
mod services;
mod shutdown;
mod tenants;
mod world;

pub(super) use world::{World, high, plain, service, tenant};
