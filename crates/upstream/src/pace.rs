//! How long the steps of a delivery take. Tests take shorter ones.

use std::time::Duration;

/// Durations of event-handlers.md §3.4 and §7.2, and our own.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// Before the second, third and fourth attempt (event-handlers.md §7.2).
    pub(crate) retry_delays: [Duration; 3],
    /// For one validation request with its retries (event-handlers.md §3.4).
    pub(crate) validation_timeout: Duration,
    /// How long a good validation counts, and the longest wait after a bad one.
    pub(crate) validation_interval_max: Duration,
    /// The wait after the first bad validation; doubled with each further one.
    pub(crate) validation_interval_min: Duration,
    /// How long a handler has to be gone before events for it fail at once. More than all retries of an event, so that
    /// these bridge a restart of the handler.
    pub(crate) breaker_patience: Duration,
    /// Until the first probe of a handler that is gone; doubled with each further one.
    pub(crate) probe_interval_min: Duration,
    /// The longest time between probes.
    pub(crate) probe_interval_max: Duration,
    /// For a token from the token endpoint.
    pub(crate) token_timeout: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retry_delays: [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(5)],
            validation_timeout: Duration::from_secs(10),
            validation_interval_max: Duration::from_secs(60),
            validation_interval_min: Duration::from_secs(1),
            breaker_patience: Duration::from_secs(10),
            probe_interval_min: Duration::from_secs(1),
            probe_interval_max: Duration::from_secs(30),
            token_timeout: Duration::from_secs(10),
        }
    }
}
