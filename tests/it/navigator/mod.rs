//! What Navigator does wrong and ours does right (`tests/NAVIGATOR.md`), and what its users rely on, as tables.

mod access;
mod bots;
mod configuration;
mod doors;
mod fly;
mod liveness;
mod map;
mod processes;
mod refusals;
mod remote;
mod rules;
mod scripts;
mod security;
mod semantics;
mod table;
mod targets;
