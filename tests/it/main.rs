//! The integration tests, one binary: the real tenantd, real processes, mostly as PID 1 of a namespace of its own.
//! No sleeps: a condition with a deadline ([`harness::eventually`]).

#![allow(missing_docs)]

mod client;
mod engine;
mod given;
mod harness;
mod log;
mod procfs;
mod puppet;
mod random;
mod seccomp;
mod setup;
mod showcase;
#[path = "../fuzz/targets/mod.rs"]
mod targets;
mod web;
mod websocket;

mod abuse;
mod activation;
mod allocations;
mod architecture;
mod cgi;
mod config_broken;
mod config_cli;
mod conformance;
mod control;
mod differential;
mod docker;
mod drain;
mod faults;
mod files;
mod files_lent;
mod forward;
mod forward_bad;
mod forward_client;
mod forward_stream;
mod forward_upstream;
mod fuzz;
mod hostile;
mod idle;
mod init;
mod init_signals;
mod init_trouble;
mod journal;
mod ladder;
mod lifecycle;
mod limits;
mod logs;
mod loss;
mod main_process;
mod many;
mod notifiers;
mod notify;
mod operate;
mod origin_itself;
mod pool;
mod process;
mod rails;
mod reap;
mod reload;
mod rfc6455;
mod run_beside;
mod scenarios;
mod settings;
mod soak;
mod strictness;
mod terminal;
mod time;
mod timespan;
mod track;
mod trust;
mod trust_balancer;
mod waiting;
