//! Reading the configuration again while the service runs: when its file has changed, or when SIGHUP asks for it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hublet_server::{Reloaded, Server};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Args, log};
use crate::failure::Failure;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches the configuration file.
pub(super) struct Reload {
    args: Args,
    file: PathBuf,
    /// What the file looked like last.
    seen: Option<Stamp>,
    /// It has changed since it was read.
    changed: bool,
    looks: Interval,
}

/// What tells two versions of a file apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

/// What a file looks like now. `None`: there is none.
pub(super) fn look(file: &Path) -> Option<Stamp> {
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(Stamp { modified: metadata.modified().ok()?, bytes: metadata.len() })
}

impl Reload {
    /// For the file of these arguments, which was read when it looked so.
    pub(super) fn new(args: Args, seen: Option<Stamp>) -> Self {
        let file = args.file();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { args, file, seen, changed: false, looks }
    }

    /// Waits until the file has changed and was then left alone from one look to the next: editors write in pieces.
    pub(super) async fn wanted(&mut self) {
        loop {
            self.looks.tick().await;
            let stamp = look(&self.file);
            if stamp != self.seen {
                self.seen = stamp;
                self.changed = true;
            } else if self.changed {
                return;
            }
        }
    }

    /// Reads the configuration again and puts into effect what can be; the log says what came of it. What is wrong
    /// changes nothing.
    pub(super) fn run(&mut self, server: &Server, why: &str) {
        self.changed = false;
        self.seen = look(&self.file);
        match self.read(server) {
            Ok(Reloaded { hubs, keys, restart }) => {
                if hubs.is_empty() {
                    tracing::info!("{why}: the configuration was read again, the hubs are the same");
                } else {
                    tracing::info!("{why}: the configuration was read again, hubs: {hubs}");
                }
                if keys {
                    tracing::info!("the access keys are those of the configuration now");
                }
                if !restart.is_empty() {
                    tracing::warn!(
                        "what has changed here takes effect with a restart: {}",
                        restart.join(", ")
                    );
                }
            }
            Err(error) => {
                tracing::error!("{why}: the configuration in effect stays as it is: {error}");
            }
        }
    }

    fn read(&self, server: &Server) -> Result<Reloaded, Failure> {
        if self.seen.is_none() {
            // Without it there would be no hubs, which nobody means who moves a file.
            return Err(Failure::new(format!("there is no file {}.", self.file.display()), ""));
        }
        let config = self.args.config()?;
        log::filter(&config.log)?;
        server.reload(&config).map_err(|error| Failure::new(error.to_string(), ""))
    }
}
