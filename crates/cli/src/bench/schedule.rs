//! How long is measured, and how often.

use std::time::{Duration, Instant};

use anyhow::Result;

#[derive(Debug, clap::Args)]
pub(super) struct ScheduleArgs {
    /// Seconds before each measurement
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    warm_up: f64,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS")]
    seconds: f64,
    /// Repetitions of everything
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

impl ScheduleArgs {
    /// The numbers of the rounds.
    pub(super) fn rounds(&self) -> impl Iterator<Item = usize> + use<> {
        1..=self.rounds
    }

    /// The end of a warm-up that begins now.
    pub(super) fn end_of_warm_up(&self) -> Result<Instant> {
        Ok(Instant::now() + Duration::try_from_secs_f64(self.warm_up)?)
    }

    /// The end of a measurement that begins now.
    pub(super) fn end_of_measurement(&self) -> Result<Instant> {
        Ok(Instant::now() + Duration::try_from_secs_f64(self.seconds)?)
    }
}
