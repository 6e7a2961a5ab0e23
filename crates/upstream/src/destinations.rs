//! The rules of a hub, with what is known about each of its handlers.

use std::sync::Arc;

use hublet_hub::EventKind;

use crate::doctor::Journal;
use crate::endpoint::Endpoint;
use crate::rules::{Handler, HandlerTarget, HubRules};
use crate::template::UrlTemplate;
use crate::throttle::Throttle;

/// Where the events of one hub go.
#[derive(Debug)]
pub(crate) struct Destinations {
    pub(crate) rules: Arc<HubRules>,
    /// One for each handler of the rules, in their order.
    handlers: Vec<Destination>,
    /// About events that nobody wants.
    pub(crate) complaints: Throttle,
}

/// Where an event goes.
#[derive(Debug, Clone)]
pub(crate) enum Destination {
    /// Back to the client.
    Echo,
    /// To a web server.
    Endpoint(Arc<Endpoint>),
}

impl Destinations {
    /// The journals of handlers with the same URL template as before go on.
    pub(crate) fn new(hub: &str, rules: Arc<HubRules>, before: Option<&Self>) -> Self {
        let hub: Arc<str> = hub.into();
        let destination = |handler: &Arc<Handler>| match &handler.target {
            HandlerTarget::Echo => Destination::Echo,
            HandlerTarget::Http(template) => {
                let journal = before.and_then(|before| before.journal_of(template)).unwrap_or_default();
                let endpoint =
                    Endpoint::new(Arc::clone(&hub), Arc::clone(handler), template.clone(), journal);
                Destination::Endpoint(Arc::new(endpoint))
            }
        };
        let handlers = rules.handlers.iter().map(destination).collect();
        Self { rules, handlers, complaints: Throttle::default() }
    }

    /// Of all handlers, in their order.
    pub(crate) fn all(&self) -> &[Destination] {
        &self.handlers
    }

    fn journal_of(&self, template: &UrlTemplate) -> Option<Arc<Journal>> {
        self.handlers.iter().find_map(|destination| match destination {
            Destination::Endpoint(endpoint) if endpoint.template == *template => {
                Some(Arc::clone(&endpoint.journal))
            }
            _ => None,
        })
    }

    /// Where an event goes; `None`: no handler wants it.
    pub(crate) fn of(&self, kind: &EventKind) -> Option<&Destination> {
        let wanted = self.rules.handler_for(kind)?;
        let index = self.rules.handlers.iter().position(|handler| Arc::ptr_eq(handler, wanted))?;
        self.handlers.get(index)
    }
}
