//! From method and path to an operation (rest-api.md §3.1).

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;
use hublet_hub::{Permission, Target};
use hublet_wire::{name, percent};

use super::error::{Missing, RestError};
use crate::trace::Subject;

/// Segments of the longest path.
const PARTS_MAX: usize = 4;

/// The last segments of actions, as they are documented.
const ACTIONS: [&str; 5] =
    [":send", ":closeConnections", ":generateToken", ":addToGroups", ":removeFromGroups"];

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
    /// Remove connections from all groups.
    LeaveAll(Resource),
    /// Add connections to several groups.
    JoinMany,
    /// Remove connections from several groups.
    LeaveMany,
    /// List the members of a group.
    ListMembers,
    /// Give a connection a permission.
    Grant,
    /// Take a permission from a connection.
    Revoke,
    /// Tell whether a connection has a permission.
    Check,
    /// Make a client token.
    GenerateToken,
}

impl Operation {
    /// What it is called in the audit log; `None`: it only reads.
    pub(super) fn action(self) -> Option<&'static str> {
        match self {
            Self::Send(_) => Some("message.send"),
            Self::Close(_) => Some("connection.close"),
            Self::Join(_) | Self::JoinMany => Some("group.add"),
            Self::Leave(_) | Self::LeaveAll(_) | Self::LeaveMany => Some("group.remove"),
            Self::Grant => Some("permission.grant"),
            Self::Revoke => Some("permission.revoke"),
            Self::GenerateToken => Some("token.generate"),
            Self::Exists(_) | Self::ListMembers | Self::Check => None,
        }
    }

    /// Its `RestApiCategory` (operations.md §3).
    pub(super) fn category(self) -> &'static str {
        use Resource::{Connection, Group, Hub, User};
        match self {
            Self::Send(Hub) => "SendToAll",
            Self::Send(User) => "SendToUser",
            Self::Send(Group) => "SendToGroup",
            Self::Send(Connection) => "SendToConnection",
            Self::Exists(Connection | Hub) => "CheckConnectionExists",
            Self::Exists(User) => "CheckUserExists",
            Self::Exists(Group) => "CheckGroupExists",
            Self::Close(Hub) => "CloseAllConnections",
            Self::Close(User) => "CloseUserConnections",
            Self::Close(Group) => "CloseGroupConnections",
            Self::Close(Connection) => "CloseConnection",
            Self::Join(User) => "AddUserToGroup",
            Self::Join(_) => "AddConnectionToGroup",
            Self::Leave(User) => "RemoveUserFromGroup",
            Self::Leave(_) => "RemoveConnectionFromGroup",
            Self::LeaveAll(User) => "RemoveUserFromAllGroups",
            Self::LeaveAll(_) => "RemoveConnectionFromAllGroups",
            Self::JoinMany => "AddConnectionsToGroups",
            Self::LeaveMany => "RemoveConnectionsFromGroups",
            Self::ListMembers => "ListConnectionsInGroup",
            Self::Grant => "GrantPermission",
            Self::Revoke => "RevokePermission",
            Self::Check => "CheckPermission",
            Self::GenerateToken => "GenerateClientToken",
        }
    }

    /// The first api-version that has it; empty for the oldest one (rest-api.md §9).
    pub(super) fn since(self) -> &'static str {
        match self {
            Self::LeaveAll(Resource::Connection) => "2022-11-01",
            Self::JoinMany | Self::LeaveMany => "2023-07-01",
            Self::ListMembers => "2024-12-01",
            _ => "",
        }
    }
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
    permission: Option<String>,
}

impl Route {
    /// Finds the operation for a path below the hub. With `keep_slashes` an escaped slash in a name stays escaped.
    ///
    /// # Errors
    /// 404 for a path that is none, 405 for one with other methods.
    pub(super) fn find(method: &Method, path: &str, keep_slashes: bool) -> Result<Self, RestError> {
        use Operation::*;
        use Resource::{Connection, Group, Hub, User};
        let mut parts = [""; PARTS_MAX];
        let mut count = 0;
        for part in path.split('/') {
            *parts.get_mut(count).ok_or(RestError::NoRoute)? = part;
            count += 1;
        }
        let literals = parts.map(literal);
        let literals = literals.each_ref().map(|literal| &**literal);
        let name = |at: usize| {
            let decode =
                if keep_slashes { percent::decode_segment_but_slashes } else { percent::decode_segment };
            String::from_utf8(decode(parts[at]).into_owned()).ok()
        };
        let mut segments = Segments::default();
        let operations: &[(Method, Operation)] = match literals[..count] {
            [":send"] => &[(Method::POST, Send(Hub))],
            [":closeconnections"] => &[(Method::POST, Close(Hub))],
            [":generatetoken"] => &[(Method::POST, GenerateToken)],
            [":addtogroups"] => &[(Method::POST, JoinMany)],
            [":removefromgroups"] => &[(Method::POST, LeaveMany)],
            ["connections", _] => {
                segments.connection = name(1);
                &[(Method::HEAD, Exists(Connection)), (Method::DELETE, Close(Connection))]
            }
            ["connections", _, ":send"] => {
                segments.connection = name(1);
                &[(Method::POST, Send(Connection))]
            }
            ["connections", _, "groups"] => {
                segments.connection = name(1);
                &[(Method::DELETE, LeaveAll(Connection))]
            }
            ["users", _] => {
                segments.user = name(1);
                &[(Method::HEAD, Exists(User))]
            }
            ["users", _, action @ (":send" | ":closeconnections")] => {
                segments.user = name(1);
                if action == ":send" { &[(Method::POST, Send(User))] } else { &[(Method::POST, Close(User))] }
            }
            ["users", _, "groups"] => {
                segments.user = name(1);
                &[(Method::DELETE, LeaveAll(User))]
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
            ["groups", _, "connections"] => {
                segments.group = name(1);
                &[(Method::GET, ListMembers)]
            }
            ["permissions", _, "connections", _] => {
                (segments.permission, segments.connection) = (name(1), name(3));
                &[(Method::PUT, Grant), (Method::DELETE, Revoke), (Method::HEAD, Check)]
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

/// The route of a path below the hub, as `api/hubs/{hub}/groups/{group}/:send`: names are left out, and what is no route
/// stays unknown.
fn template(path: &str) -> String {
    let mut route = "api/hubs/{hub}".to_owned();
    let mut place = None;
    for segment in path.split('/').take(PARTS_MAX) {
        let literal = literal(segment);
        let (shown, next) = match (place.take(), &*literal) {
            (Some(place), _) => (place, None),
            (None, "connections") => ("connections", Some("{connectionId}")),
            (None, "users") => ("users", Some("{userId}")),
            (None, "groups") => ("groups", Some("{group}")),
            (None, "permissions") => ("permissions", Some("{permission}")),
            (None, action) => {
                let known = ACTIONS.iter().find(|known| known.eq_ignore_ascii_case(action));
                (known.copied().unwrap_or("{unknown}"), None)
            }
        };
        route.push('/');
        route.push_str(shown);
        place = next;
    }
    route
}

/// What a request is about, for those who look.
pub(super) fn subject(hub: Option<Arc<str>>, path: &str, segments: Option<&Segments>) -> Subject {
    let name = |name: Option<&String>| name.map(|name| Arc::from(name.as_str()));
    Subject {
        hub,
        route: template(path),
        connection: segments.and_then(|segments| segments.connection.as_ref()?.parse().ok()),
        user: name(segments.and_then(|segments| segments.user.as_ref())),
        group: name(segments.and_then(|segments| segments.group.as_ref())),
    }
}

/// A segment as a literal: without escapes and case, so that `%3ASend` is `:send`.
pub(super) fn literal(segment: &str) -> Cow<'_, str> {
    if segment.bytes().any(|byte| byte == b'%' || byte.is_ascii_uppercase()) {
        Cow::Owned(crate::http::decode(segment).unwrap_or_default().to_ascii_lowercase())
    } else {
        Cow::Borrowed(segment)
    }
}

impl Segments {
    /// The connections of a resource; `None` for a connection id that this service never gave out.
    ///
    /// # Errors
    /// A name that breaks its rule (rest-api.md §3.2).
    pub(super) fn target(&self, resource: Resource) -> Result<Option<Target>, RestError> {
        Ok(match resource {
            Resource::Hub => Some(Target::All),
            Resource::User => Some(Target::User(not_blank(self.user.as_deref(), "userId")?.into())),
            Resource::Group => Some(Target::Group(self.group()?)),
            Resource::Connection => {
                not_blank(self.connection.as_deref(), "connectionId")?.parse().ok().map(Target::Connection)
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

    /// The permission, in any case or as the number that the original's platform gives it (rest-api.md §3.2).
    ///
    /// # Errors
    /// It is neither of the two.
    pub(super) fn permission(&self) -> Result<Permission, RestError> {
        let text = self.permission.as_deref().unwrap_or_default();
        match text {
            "1" => Ok(Permission::SendToGroup),
            "2" => Ok(Permission::JoinLeaveGroup),
            _ if text.eq_ignore_ascii_case("sendToGroup") => Ok(Permission::SendToGroup),
            _ if text.eq_ignore_ascii_case("joinLeaveGroup") => Ok(Permission::JoinLeaveGroup),
            _ => Err(RestError::validation("permission", format!("The value '{text}' is not valid."))),
        }
    }

    /// The error that says that the connection lacks a permission.
    pub(super) fn not_permitted(&self, permission: &'static str) -> RestError {
        RestError::NotPermitted { connection: self.connection.clone().unwrap_or_default(), permission }
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
        match Route::find(method, path, false) {
            Ok(route) => Ok(route.operation),
            Err(RestError::NoRoute) => Err("404".to_owned()),
            Err(RestError::Method(allowed)) => Err(format!("405 {allowed:?}")),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn operations() {
        use Operation::*;
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
            (Method::POST, ":addToGroups", JoinMany),
            (Method::POST, ":removeFromGroups", LeaveMany),
            (Method::DELETE, "connections/c/groups", LeaveAll(Connection)),
            (Method::DELETE, "users/u/groups", LeaveAll(User)),
            (Method::GET, "groups/g/connections", ListMembers),
            (Method::PUT, "permissions/sendToGroup/connections/c", Grant),
            (Method::DELETE, "permissions/x/connections/c", Revoke),
            (Method::HEAD, "permissions/1/connections/c", Check),
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
    fn templates_have_no_names() {
        for (path, expected) in [
            (":send", "api/hubs/{hub}/:send"),
            ("%3ASEND", "api/hubs/{hub}/:send"),
            ("groups/tea/:send", "api/hubs/{hub}/groups/{group}/:send"),
            ("groups/tea/connections/x", "api/hubs/{hub}/groups/{group}/connections/{connectionId}"),
            ("users/groups/groups/users", "api/hubs/{hub}/users/{userId}/groups/{group}"),
            ("connections/x/groups", "api/hubs/{hub}/connections/{connectionId}/groups"),
            ("secret", "api/hubs/{hub}/{unknown}"),
        ] {
            assert_eq!(template(path), expected);
        }
    }

    #[test]
    fn names() {
        let path = "users/a%2Fb%20+/groups/G%C3%BC";
        let legacy = Route::find(&Method::PUT, path, true).unwrap();
        assert_eq!(legacy.segments.target(Resource::User).unwrap(), Some(Target::User("a%2Fb +".into())));
        let route = Route::find(&Method::PUT, path, false).unwrap();
        assert_eq!(route.segments.target(Resource::User).unwrap(), Some(Target::User("a/b +".into())));
        assert_eq!(&*route.segments.group().unwrap(), "Gü");
        let of = |path: &str| Route::find(&Method::DELETE, path, false).unwrap().segments;
        assert!(of("users/%20/groups/g").target(Resource::User).is_err());
        assert!(of("users/%ff/groups/g").target(Resource::User).is_err());
        assert!(of("users/u/groups/%20").group().is_err());
        assert!(of(&format!("users/u/groups/{}", "g".repeat(1_025))).group().is_err());
        assert_eq!(of("connections/nowhere").target(Resource::Connection).unwrap(), None);
    }

    /// The document describes each operation, and nothing else.
    #[test]
    fn the_openapi_document_has_exactly_these_operations() {
        let document: serde_json::Value =
            serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap();
        let mut count = 0;
        for (path, described) in document["paths"].as_object().unwrap() {
            let Some(path) = path.strip_prefix("/api/hubs/{hub}/") else { continue };
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                let is_described = described.get(method.to_ascii_lowercase()).is_some();
                let found = find(&method.parse().unwrap(), path);
                assert_eq!(found.is_ok(), is_described, "{method} {path}: {found:?}");
                count += usize::from(is_described);
            }
        }
        assert_eq!(count, 24);
        let versions =
            document["components"]["parameters"]["apiVersion"]["schema"]["enum"].as_array().unwrap();
        let versions: Vec<&str> = versions.iter().map(|version| version.as_str().unwrap()).collect();
        assert_eq!(versions.join(", "), super::super::API_VERSIONS);
    }
}
