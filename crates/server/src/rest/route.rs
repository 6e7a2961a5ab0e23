//! From method and path to an operation (rest-api.md §3.1).

use std::sync::Arc;

use http::Method;
use hublet_hub::Select;
use hublet_wire::name;

use super::error::{Missing, RestError};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Send a message.
    Send(Resource),
    /// Tell whether there is a connection.
    Exists(Resource),
    /// Close connections.
    Close(Resource),
    /// Add connections to a group.
    Join(Resource),
    /// Remove connections from a group.
    Leave(Resource),
    /// Make a client token.
    GenerateToken,
}

/// Which connections an operation is about; the names are in [`Segments`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    /// All of the hub.
    Hub,
    /// Those of a user.
    User,
    /// The members of a group.
    Group,
    /// One.
    Connection,
}

/// An operation and the names in its path.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) operation: Operation,
    pub(super) segments: Segments,
}

/// The decoded names in a path, not yet validated; `None` for one that the path has not or that is not UTF-8.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Segments {
    user: Option<String>,
    group: Option<String>,
    connection: Option<String>,
}

impl Route {
    /// Finds the operation for a path below the hub.
    ///
    /// # Errors
    /// 404 for a path that is none, 405 for one with other methods.
    pub(super) fn find(method: &Method, path: &str) -> Result<Self, RestError> {
        use Operation::{Close, Exists, GenerateToken, Join, Leave, Send};
        use Resource::{Connection, Group, Hub, User};
        let parts: Vec<&str> = path.split('/').collect();
        let literals: Vec<String> = parts.iter().map(|part| literal(part)).collect();
        let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
        let name = |at: usize| crate::http::decode(parts[at]);
        let mut segments = Segments::default();
        let operations: &[(Method, Operation)] = match *literals.as_slice() {
            [":send"] => &[(Method::POST, Send(Hub))],
            [":closeconnections"] => &[(Method::POST, Close(Hub))],
            [":generatetoken"] => &[(Method::POST, GenerateToken)],
            ["connections", _] => {
                segments.connection = name(1);
                &[(Method::HEAD, Exists(Connection)), (Method::DELETE, Close(Connection))]
            }
            ["connections", _, ":send"] => {
                segments.connection = name(1);
                &[(Method::POST, Send(Connection))]
            }
            ["users", _] => {
                segments.user = name(1);
                &[(Method::HEAD, Exists(User))]
            }
            ["users", _, action @ (":send" | ":closeconnections")] => {
                segments.user = name(1);
                if action == ":send" { &[(Method::POST, Send(User))] } else { &[(Method::POST, Close(User))] }
            }
            ["users", _, "groups", _] => {
                (segments.user, segments.group) = (name(1), name(3));
                &[(Method::PUT, Join(User)), (Method::DELETE, Leave(User))]
            }
            ["groups", _] => {
                segments.group = name(1);
                &[(Method::HEAD, Exists(Group))]
            }
            ["groups", _, action @ (":send" | ":closeconnections")] => {
                segments.group = name(1);
                if action == ":send" {
                    &[(Method::POST, Send(Group))]
                } else {
                    &[(Method::POST, Close(Group))]
                }
            }
            ["groups", _, "connections", _] => {
                (segments.group, segments.connection) = (name(1), name(3));
                &[(Method::PUT, Join(Connection)), (Method::DELETE, Leave(Connection))]
            }
            _ => return Err(RestError::NoRoute),
        };
        match operations.iter().find(|(known, _)| known == method) {
            Some((_, operation)) => Ok(Self { operation: *operation, segments }),
            None => Err(RestError::Method(operations.iter().map(|(method, _)| method.clone()).collect())),
        }
    }
}

/// A segment as a literal: without escapes and case, so that `%3ASend` is `:send`.
fn literal(segment: &str) -> String {
    crate::http::decode(segment).unwrap_or_default().to_ascii_lowercase()
}

impl Segments {
    /// The connections of a resource; `None` for a connection id that this service never gave out.
    ///
    /// # Errors
    /// A name that breaks its rule (rest-api.md §3.2).
    pub(super) fn select(&self, resource: Resource) -> Result<Option<Select>, RestError> {
        Ok(match resource {
            Resource::Hub => Some(Select::All),
            Resource::User => Some(Select::User(not_blank(self.user.as_deref(), "userId")?.into())),
            Resource::Group => Some(Select::Group(self.group()?)),
            Resource::Connection => {
                not_blank(self.connection.as_deref(), "connectionId")?.parse().ok().map(Select::Connection)
            }
        })
    }

    /// The group.
    ///
    /// # Errors
    /// It is blank or too long.
    pub(super) fn group(&self) -> Result<Arc<str>, RestError> {
        let group = self.group.as_deref().filter(|group| name::is_valid_group(group));
        group.map(Arc::from).ok_or_else(|| RestError::invalid_group("group"))
    }

    /// The error that says that there is no such connection, user or group.
    pub(super) fn missing(&self, resource: Resource, severity: Missing) -> RestError {
        let (what, name) = match resource {
            Resource::Hub | Resource::Connection => ("Connection", &self.connection),
            Resource::User => ("User", &self.user),
            Resource::Group => ("Group", &self.group),
        };
        RestError::Missing { severity, what, name: name.clone().unwrap_or_default() }
    }
}

fn not_blank<'a>(text: Option<&'a str>, parameter: &'static str) -> Result<&'a str, RestError> {
    text.filter(|text| !text.trim().is_empty())
        .ok_or_else(|| RestError::validation(parameter, format!("The {parameter} field is required.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &Method, path: &str) -> Result<Operation, String> {
        match Route::find(method, path) {
            Ok(route) => Ok(route.operation),
            Err(RestError::NoRoute) => Err("404".to_owned()),
            Err(RestError::Method(allowed)) => Err(format!("405 {allowed:?}")),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn operations() {
        use Operation::{Close, Exists, GenerateToken, Join, Leave, Send};
        use Resource::{Connection, Group, Hub, User};
        for (method, path, operation) in [
            (Method::POST, ":send", Send(Hub)),
            (Method::POST, "%3ASend", Send(Hub)),
            (Method::POST, "connections/c/:send", Send(Connection)),
            (Method::POST, "users/u/:send", Send(User)),
            (Method::POST, "groups/g/:send", Send(Group)),
            (Method::HEAD, "connections/c", Exists(Connection)),
            (Method::HEAD, "users/u", Exists(User)),
            (Method::HEAD, "groups/g", Exists(Group)),
            (Method::DELETE, "connections/c", Close(Connection)),
            (Method::POST, ":closeConnections", Close(Hub)),
            (Method::POST, "users/u/:closeConnections", Close(User)),
            (Method::POST, "groups/g/:closeConnections", Close(Group)),
            (Method::PUT, "groups/g/connections/c", Join(Connection)),
            (Method::DELETE, "GROUPS/g/Connections/c", Leave(Connection)),
            (Method::PUT, "users/u/groups/g", Join(User)),
            (Method::DELETE, "users/u/groups/g", Leave(User)),
            (Method::POST, ":generateToken", GenerateToken),
            // A user may be called like a literal.
            (Method::HEAD, "users/:send", Exists(User)),
        ] {
            assert_eq!(find(&method, path), Ok(operation), "{method} {path}");
        }
    }

    #[test]
    fn other_paths_and_methods() {
        for path in
            ["", "send", ":send/x", "users", "users/u/x", "groups/g/users/u", "permissions/sendToGroup"]
        {
            assert_eq!(find(&Method::POST, path), Err("404".to_owned()), "{path}");
        }
        assert_eq!(find(&Method::GET, "connections/c"), Err("405 [HEAD, DELETE]".to_owned()));
        assert_eq!(find(&Method::PUT, ":send"), Err("405 [POST]".to_owned()));
    }

    #[test]
    fn names() {
        let route = Route::find(&Method::PUT, "users/a%2Fb%20+/groups/G%C3%BC").unwrap();
        assert_eq!(route.segments.select(Resource::User).unwrap(), Some(Select::User("a/b +".into())));
        assert_eq!(&*route.segments.group().unwrap(), "Gü");
        let of = |path: &str| Route::find(&Method::DELETE, path).unwrap().segments;
        assert!(of("users/%20/groups/g").select(Resource::User).is_err());
        assert!(of("users/%ff/groups/g").select(Resource::User).is_err());
        assert!(of("users/u/groups/%20").group().is_err());
        assert!(of(&format!("users/u/groups/{}", "g".repeat(1_025))).group().is_err());
        assert_eq!(of("connections/nowhere").select(Resource::Connection).unwrap(), None);
    }
}
