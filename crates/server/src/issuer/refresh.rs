//! Fetching the keys of issuers again and again, on the control thread.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::fetch::Fetcher;
use super::keys::KeySet;
use super::{Issuer, Issuers};
use crate::config::{KeyLocation, is_loopback_host};

/// How long keys are used before they are fetched again.
const INTERVAL: Duration = Duration::from_secs(3600);
/// How soon a failed fetch is repeated: at first, and at most; each time it doubles.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

impl Issuers {
    /// Fetches the keys of all issuers at once, then every hour, after failures, and when tokens name unknown ones.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        let fetcher = Arc::new(Fetcher::new());
        let mut tasks: JoinSet<()> =
            self.0.iter().map(|issuer| keep_fresh(Arc::clone(issuer), Arc::clone(&fetcher))).collect();
        while tasks.join_next().await.is_some() {}
    }
}

async fn keep_fresh(issuer: Arc<Issuer>, fetcher: Arc<Fetcher>) {
    let name = &issuer.config.issuer;
    warn_of_plain_http(&issuer.config.keys, name);
    let mut failures = 0;
    loop {
        issuer.demand.begin();
        let pause = match fetcher.keys(&issuer.config).await {
            Ok(keys) => {
                let keys = KeySet::new(keys);
                if failures > 0 || issuer.keys().is_none() {
                    tracing::info!(issuer = name, keys = keys.len(), "the keys of an issuer were fetched");
                } else {
                    tracing::debug!(
                        issuer = name,
                        keys = keys.len(),
                        "the keys of an issuer were fetched again"
                    );
                }
                issuer.replace_keys(keys);
                failures = 0;
                INTERVAL
            }
            Err(error) => {
                // Once an outage: the first failure says all there is to know.
                if failures == 0 {
                    let effect = match issuer.keys() {
                        Some(_) => "the older ones stay in use",
                        None => "its tokens are refused until they can",
                    };
                    tracing::warn!(
                        issuer = name,
                        "the keys of an issuer cannot be fetched, {effect}: {error}"
                    );
                }
                failures += 1;
                retry_pause(failures)
            }
        };
        issuer.demand.end();
        tokio::select! {
            () = sleep(pause) => {}
            () = issuer.demand.wanted() => {}
        }
    }
}

fn retry_pause(failures: u32) -> Duration {
    let (first, most) = RETRY;
    first.saturating_mul(1 << (failures.saturating_sub(1)).min(16)).min(most)
}

fn warn_of_plain_http(location: &KeyLocation, issuer: &str) {
    let (KeyLocation::At(uri) | KeyLocation::DiscoveredAt(uri)) = location;
    if uri.scheme_str() == Some("http") && !uri.host().is_some_and(is_loopback_host) {
        tracing::warn!(
            issuer,
            "the keys of an issuer come over plain HTTP: who can change them on their way can use the REST API"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_repeated_less_and_less_often() {
        let pauses = [1, 2, 3, 6, 7, 100, u32::MAX].map(|failures| retry_pause(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60, 60]);
    }
}
