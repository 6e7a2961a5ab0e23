//! Restarts of the service.

use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

use super::Run;
use super::random::Random;

/// Before the first, between two, and behind the last one, so that there is always something under way.
const DISTANCE: Duration = Duration::from_secs(2);
/// Longest time on top of that.
const MORE: Duration = Duration::from_secs(4);

/// A client whose try to come back has failed waits a second until the next one. Until all are back, few messages are sent:
/// what they miss has to fit into the queues of those that come last.
const COMING_BACK: Duration = Duration::from_millis(1_500);

/// Runs the command until the clients are done.
pub(super) async fn now_and_then(command: String, run: Rc<Run>, mut random: Random) -> Result<()> {
    loop {
        sleep(DISTANCE + MORE.mul_f64(random.fraction())).await;
        if Instant::now() + DISTANCE > run.end {
            return Ok(());
        }
        run.ledger.borrow_mut().counts.restarts += 1;
        let command = command.clone();
        // What the command prints is not for those who read the verdict.
        let ended = tokio::task::spawn_blocking(move || {
            let mut shell = std::process::Command::new("sh");
            shell.arg("-c").arg(command).stdin(Stdio::null()).stdout(Stdio::null()).status()
        });
        let status = ended.await?.context("cannot run the restart command")?;
        if !status.success() {
            bail!("the restart command ended with {status}");
        }
        run.back_at.set(Some(Instant::now() + COMING_BACK));
    }
}
