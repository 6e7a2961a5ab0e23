//! A client as its handshake shows it, and what its event handler makes of it (client-protocols.md §1.8).

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;
use http::header::COOKIE;
use http::request::Parts;
use hublet_hub::{Accept, ClientEvent, ClientInfo, EventKind, Permissions};
use hublet_upstream::Admission;
use hublet_wire::client::raw::SimpleMode;
use hublet_wire::cloudevents::connect::{self, ConnectBody};
use hublet_wire::id::ConnId;
use hublet_wire::jwt::Claims;
use hublet_wire::percent;

use super::negotiate::{self, Choice};
use crate::portal;

/// A client whose own part of the handshake is in order.
pub(super) struct Candidate<'a> {
    pub(super) request: &'a Parts,
    /// Lower-cased.
    pub(super) hub: Arc<str>,
    /// Verified; `None` for a client without a token.
    pub(super) token: Option<Token<'a>>,
    pub(super) mode: SimpleMode,
    /// Host name, without a port, under which it reached the service.
    pub(super) host: Arc<str>,
}

/// A verified token.
pub(super) struct Token<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) claims: Claims,
}

/// The event handler's answer makes no client. The text is for the log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidAdmission {
    #[error("it chose a subprotocol that the client does not offer")]
    Subprotocol,
    #[error("the user id has control characters, which no header of an event could carry")]
    UserId,
    #[error("it names more groups than the {0} that a connection may be in")]
    Groups(usize),
}

impl Candidate<'_> {
    /// The event that asks the application whether the client may come in (event-handlers.md §5.1).
    pub(super) fn connect_event(&self, conn: ConnId) -> ClientEvent {
        let claims = self.token.as_ref().map(|token| connect::claims_of_token(&token.text));
        let headers = &self.request.headers;
        // The library that reads requests lower-cases the names; clients write them in this way.
        let names: Vec<String> = headers.keys().map(|name| spelled(name.as_str())).collect();
        let headers = headers.keys().zip(&names).flat_map(|(name, spelled)| {
            headers.get_all(name).iter().filter_map(move |value| {
                let value = if *name == COOKIE {
                    // The application has no business with who is signed in to the portal.
                    Cow::Owned(portal::without_session(value.as_bytes())?)
                } else {
                    Cow::Borrowed(value.as_bytes())
                };
                Some((spelled.as_str(), value))
            })
        });
        let headers: Vec<(&str, Cow<'_, [u8]>)> = headers.collect();
        let headers = headers.iter().map(|(name, value)| (*name, &**value));
        let body = ConnectBody::default()
            .claims(claims.unwrap_or_default())
            .query(percent::query_pairs(self.request.uri.query().unwrap_or_default()))
            .headers(headers)
            .subprotocols(negotiate::offered(&self.request.headers))
            .to_json();
        let client = ClientInfo {
            conn,
            hub: Arc::clone(&self.hub),
            user: self.user(),
            subprotocol: None,
            host: Arc::clone(&self.host),
            state: None,
        };
        ClientEvent { client, id: 0, kind: EventKind::Connect(body) }
    }

    /// The client with its rights: those of its token where the event handler says nothing else.
    pub(super) fn admit(
        self,
        admission: Admission,
        groups_max: usize,
    ) -> Result<(Accept, Choice), InvalidAdmission> {
        let Admission { answer, state } = admission;
        let offered = negotiate::offered(&self.request.headers);
        let mut choice = negotiate::choose(&offered, answer.subprotocol.as_deref(), self.mode.clone())
            .map_err(|_| InvalidAdmission::Subprotocol)?;
        let user = match answer.user_id {
            Some(user) if user.contains(char::is_control) => return Err(InvalidAdmission::UserId),
            Some(user) => Some(user).filter(|user| !user.is_empty()).map(Into::into),
            None => self.user(),
        };
        let claims = self.token.map(|token| token.claims).unwrap_or_default();
        let groups = answer.groups.unwrap_or(claims.groups);
        if groups.len() > groups_max {
            return Err(InvalidAdmission::Groups(groups_max));
        }
        let roles = answer.roles.unwrap_or(claims.roles);
        let mut ignored = Vec::new();
        let permissions = Permissions::from_roles_reporting(roles.iter().map(String::as_str), |role| {
            ignored.push(role);
        });
        if let Some(role) = ignored.first() {
            let (hub, roles) = (&*self.hub, ignored.len());
            tracing::info!(
                hub,
                role,
                roles,
                "roles that are unknown, invalid or over the limit have no effect"
            );
        }
        let accept = Accept {
            hub: self.hub,
            user,
            permissions,
            groups: groups.into_iter().map(Into::into).collect(),
            protocol: choice.protocol.clone(),
            custom_subprotocol: choice.custom.take().map(Into::into),
            host: self.host,
            state,
        };
        Ok((accept, choice))
    }

    fn user(&self) -> Option<Arc<str>> {
        self.token.as_ref()?.claims.sub.as_deref().map(Into::into)
    }
}

/// What a client gets that its event handler refuses (event-handlers.md §6.1).
pub(super) fn refusal(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "The application does not know this client.",
        StatusCode::INTERNAL_SERVER_ERROR => "Internal server error",
        _ => "The application refused the connection.",
    }
}

/// A header's name with capitals, as clients and proxies write it.
fn spelled(name: &str) -> String {
    let word = |word: &str| match word {
        "websocket" => "WebSocket".to_owned(),
        _ => word.get(..1).unwrap_or_default().to_ascii_uppercase() + word.get(1..).unwrap_or_default(),
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_headers() {
        for (name, expected) in [
            ("host", "Host"),
            ("sec-websocket-protocol", "Sec-WebSocket-Protocol"),
            ("x-forwarded-for", "X-Forwarded-For"),
            ("x--y", "X--Y"),
            ("-", "-"),
        ] {
            assert_eq!(spelled(name), expected);
        }
    }
}
