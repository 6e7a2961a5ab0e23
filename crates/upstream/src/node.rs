//! What all shards share: the rules of the hubs, and everything that is known about handlers and listeners.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use crate::environment::Environment;
use crate::rules::HubRules;

/// The way upstream of the whole service.
#[derive(Debug)]
pub struct Upstream {
    #[expect(dead_code, reason = "used by what is still to come")]
    environment: Environment,
    rules: RwLock<Arc<HashMap<String, Arc<HubRules>>>>,
}

impl Upstream {
    /// Without rules for any hub.
    ///
    /// # Errors
    /// A file of the environment cannot be read.
    pub fn new(environment: Environment) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { environment, rules: RwLock::default() }))
    }

    /// Replaces the rules of all hubs, by lower-cased name. Events that are under way may end under the old ones.
    pub fn set_rules(&self, rules: HashMap<String, Arc<HubRules>>) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// The rules of a hub by lower-cased name.
    pub fn rules(&self, hub: &str) -> Option<Arc<HubRules>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).get(hub).cloned()
    }

    /// What belongs to no shard, for as long as the service runs: listeners, the outbox, fresh tokens. For the control
    /// thread.
    pub async fn run(self: Arc<Self>) {
        std::future::pending::<()>().await;
    }
}
