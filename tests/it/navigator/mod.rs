//! What Navigator does wrong and ours does right (`tests/NAVIGATOR.md`), and what its users rely on, as tables.

mod configuration;
mod liveness;
mod map;
mod processes;
mod security;
mod semantics;
mod table;
mod targets;
