//! Stories as tables: events in, actions out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::unit::{Restart, Service, ServiceType};

/// A service with the defaults of the design.
pub(super) fn service() -> Service {
    Service {
        kind: ServiceType::Exec,
        exec_start: vec!["/bin/app".into()],
        exec_start_pre: Vec::new(),
        working_directory: None,
        user: None,
        environment: BTreeMap::new(),
        pass_environment: Vec::new(),
        restart: Restart::No,
        restart_sec: Duration::from_millis(100),
        restart_max_delay_sec: Duration::from_secs(30),
        restart_steps: 8,
        timeout_start: Some(Duration::from_secs(90)),
        timeout_stop: Duration::from_secs(5),
        idle_stop: None,
        remain_after_exit: false,
    }
}
