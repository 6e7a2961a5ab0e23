//! Permissions of connections at run time (rest-api.md §5.3).

use hyper::Method;

use super::{Client, Target, query_of, transport};
use crate::error::Error;

/// What a client may do with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Send to it.
    SendToGroup,
    /// Join and leave it.
    JoinLeaveGroup,
}

impl Permission {
    /// The name in the REST API and in roles.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendToGroup => "sendToGroup",
            Self::JoinLeaveGroup => "joinLeaveGroup",
        }
    }
}

impl Client {
    /// Lets a connection do something with one group, whose name is taken literally.
    ///
    /// # Errors
    /// The service refuses it (404: there is no such connection; 409: the connection has too many permissions), or is
    /// not there.
    pub async fn grant(
        &mut self,
        permission: Permission,
        connection: &str,
        group: &str,
    ) -> Result<(), Error> {
        let url = self.permission_url(permission, connection, group);
        self.perform(Method::PUT, &url, None).await.map(drop)
    }

    /// Forbids a connection to do something with one group, also when a role of the connection allows it.
    ///
    /// # Errors
    /// The service refuses it (409: the connection has too many permissions), or is not there. That there is no such
    /// connection is no error.
    pub async fn revoke(
        &mut self,
        permission: Permission,
        connection: &str,
        group: &str,
    ) -> Result<(), Error> {
        let url = self.permission_url(permission, connection, group);
        self.perform(Method::DELETE, &url, None).await.map(drop)
    }

    /// Whether a connection may do something with one group, by a role or because it was granted. A connection that
    /// does not exist may not.
    ///
    /// # Errors
    /// The service refuses it, or is not there.
    pub async fn is_permitted(
        &mut self,
        permission: Permission,
        connection: &str,
        group: &str,
    ) -> Result<bool, Error> {
        let url = self.permission_url(permission, connection, group);
        transport::found(self.call(Method::HEAD, &url, None).await?).await
    }

    fn permission_url(&self, permission: Permission, connection: &str, group: &str) -> String {
        let connection = Target::Connection(connection).path();
        let path = format!("/permissions/{}{connection}", permission.name());
        self.url(&path, &query_of("targetName", [group]))
    }
}
