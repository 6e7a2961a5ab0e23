//! What app servers ask for.

use std::sync::Arc;

use hublet_wire::client::Payload;
use hublet_wire::odata::Filter;

use super::{GROUPS, HUBS, USERS, World};
use crate::directory::Topic;
use crate::{Command, ConnOp, Publish, Target};

impl World {
    pub(super) fn rest_send(&mut self) {
        let hub = *self.rng.pick(&HUBS);
        let target = match self.rng.below(4) {
            0 => Target::All,
            1 => Target::Group((*self.rng.pick(&GROUPS)).into()),
            2 => Target::User((*self.rng.pick(&USERS)).into()),
            _ => {
                let mut ids: Vec<_> = self.clients.values().map(|client| client.id).collect();
                ids.sort_unstable();
                if ids.is_empty() {
                    return;
                }
                Target::Connection(*self.rng.pick(&ids))
            }
        };
        self.message += 1;
        let text = format!("m{} rest", self.message);
        let mut publish = Publish::new(hub.into(), target.clone(), Payload::Text(text.into()));
        publish.filter = self.filter();
        let publish = Arc::new(publish);
        for shard in self.directory.shards_of(hub, &target).iter() {
            self.mailboxes[shard].push_back(Command::Deliver(Arc::clone(&publish)));
        }
    }

    /// Now and then the members of a group as a filter.
    pub(super) fn filter(&mut self) -> Option<Arc<Filter>> {
        let text = format!("'{}' in groups", self.rng.pick(&GROUPS));
        let is_wanted = self.rng.below(3) == 0;
        is_wanted.then(|| Arc::new(Filter::parse(&text, 64).expect("a valid filter")))
    }

    pub(super) fn rest_membership(&mut self) {
        let hub = *self.rng.pick(&HUBS);
        let group = *self.rng.pick(&GROUPS);
        let user = *self.rng.pick(&USERS);
        let other = *self.rng.pick(&GROUPS);
        let op = match self.rng.below(5) {
            0 | 1 => ConnOp::Join([group.into(), other.into()].into()),
            2 | 3 => ConnOp::Leave([group.into(), other.into()].into()),
            _ => ConnOp::LeaveAll,
        };
        let filter = self.filter();
        for shard in self.directory.lookup(hub, Topic::User(user)).iter() {
            let target = Target::User(user.into());
            self.mailboxes[shard].push_back(Command::Connections {
                hub: hub.into(),
                target,
                filter: filter.clone(),
                op: op.clone(),
                reply: None,
            });
        }
    }

    pub(super) fn rest_close(&mut self) {
        let hub = *self.rng.pick(&HUBS);
        let target = Target::Group((*self.rng.pick(&GROUPS)).into());
        let shard = self.rng.below(self.shards.len());
        let op = ConnOp::Close { reason: "".into(), excluded: Arc::new([]) };
        self.mailboxes[shard].push_back(Command::Connections {
            hub: hub.into(),
            target,
            filter: None,
            op,
            reply: None,
        });
    }
}
