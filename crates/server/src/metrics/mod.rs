//! What is counted and how it is shown: at `/metrics`, and in the overview of the admin API.

mod exposition;
mod gather;
mod history;
mod http;
mod process;

use std::sync::Arc;

pub(crate) use exposition::{Exposition, Format};
pub(crate) use gather::{Gathered, HubTotal, hubs};
pub(crate) use history::{History, Latency, STEP_S, Sample, Totals};
pub(crate) use http::HttpMeter;
pub(crate) use process::Process;

/// The meters of the requests on all shards.
pub(crate) type HttpMeters = Arc<[HttpMeter]>;
