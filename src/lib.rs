//! tenantd: a systemd-style init for containers that starts a tenant at its first request.
//!
//! # Architecture
//!
//! * **Decisions are pure**: [`mod@unit`], [`config`], [`manager`], [`preload`], [`http`], [`route`] and [`auth`] are values and state machines; no
//!   clock, no descriptor, no process, no log line (only `unit::load` reads the disk).
//! * **Hands are few**: [`process`] forks, signals and reaps; [`proxy`], [`control`] and [`journal`] own sockets;
//!   [`poller`] alone knows mio.
//! * **One root**: [`init`] owns every part, carries facts in and effects out, and decides nothing about a unit.
//! * **Facts in, effects out**: what happened is a [`manager::Event`], what we do is a [`manager::Action`].
//! * **[`import`]** is a pure translation too, of Navigator's YAML into files; only `cli` knows it.
//! * **A main process instead of the units** (`tenantd CMD`) is [`process::foreground`] alone: no configuration, no loop of ours.
//!
//! Imports run downwards only; `tests/it/architecture.rs` reads the `use` lines and enforces it:
//! `main → cli → init → {process, proxy, control, journal, boot, poller, wire, signals, manager, import} → {route, auth} → {http, unit, config, preload}`.

pub mod auth;
pub mod boot;
pub mod cli;
pub mod config;
pub mod control;
pub mod http;
pub mod import;
pub mod init;
pub mod journal;
pub mod manager;
pub mod poller;
pub mod preload;
pub mod process;
pub mod proxy;
pub mod route;
pub mod signals;
pub mod unit;
pub mod wire;
