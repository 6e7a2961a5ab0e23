//! Look-ups of host names, one at a time for each name however many connections need it: a look-up holds a thread until the
//! name server answers.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::fault::Fault;

/// The outcome of a look-up, when there is one.
type Outcome = Option<Result<Vec<SocketAddr>, Fault>>;
/// Look-ups by host and port.
type Running = HashMap<(String, u16), watch::Receiver<Outcome>>;

/// The look-ups that are under way. An outcome is for those who wait for it, and is not kept.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    running: Arc<Mutex<Running>>,
}

impl Resolver {
    /// The addresses of a host, at least one.
    ///
    /// # Errors
    /// It has none.
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut outcome = self.look_up((host.to_owned(), port));
        let found = outcome.wait_for(Option::is_some).await;
        // It ends without an outcome if its runtime stops.
        found
            .ok()
            .and_then(|found| found.clone())
            .unwrap_or_else(|| Err(failed(io::ErrorKind::Interrupted.into())))
    }

    /// Joins the look-up of this name, or starts it.
    fn look_up(&self, name: (String, u16)) -> watch::Receiver<Outcome> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = running.get(&name).filter(|outcome| outcome.has_changed().is_ok()) {
            return outcome.clone();
        }
        let (tell, outcome) = watch::channel(None);
        running.insert(name.clone(), outcome.clone());
        let all = Arc::clone(&self.running);
        tokio::spawn(async move {
            let found = tokio::net::lookup_host((name.0.as_str(), name.1)).await;
            all.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            let found = found.map_err(failed).and_then(|found| {
                let found: Vec<_> = found.collect();
                if found.is_empty() { Err(failed(io::ErrorKind::NotFound.into())) } else { Ok(found) }
            });
            // Those who waited may have gone.
            tell.send_replace(Some(found));
        });
        outcome
    }
}

fn failed(error: io::Error) -> Fault {
    Fault::Name(Arc::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_addresses() {
        let resolver = Resolver::default();
        let found = resolver.addresses("localhost", 80).await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
        assert_eq!(resolver.addresses("::1", 1).await.unwrap(), ["[::1]:1".parse().unwrap()]);
        assert!(matches!(resolver.addresses("no-such-host.invalid", 80).await, Err(Fault::Name(_))));
        assert!(resolver.running.lock().unwrap().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn one_look_up_for_all_that_wait() {
        let resolver = Resolver::default();
        let name = || ("localhost".to_owned(), 80);
        let (first, second) = (resolver.look_up(name()), resolver.look_up(name()));
        assert!(first.same_channel(&second));
        let other = resolver.look_up(("localhost".to_owned(), 81));
        assert!(!first.same_channel(&other));
    }
}
