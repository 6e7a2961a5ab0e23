//! Permissions of connections at run time (rest-api.md §5.3).

use std::sync::Arc;

use http::StatusCode;
use hublet_hub::{ConnOp, Outcome, Permission};
use hublet_wire::name;

use super::error::{Missing, RestError};
use super::route::Resource;
use super::{Call, gone};
use crate::http::{Response, empty};

pub(super) async fn grant(call: &Call<'_>) -> Result<Response, RestError> {
    let (permission, group) = target(call)?;
    let op = ConnOp::Grant(permission, group);
    match call.apply_to_existing(Resource::Connection, op, Missing::Info).await? {
        Outcome { refused: 0, .. } => Ok(empty(StatusCode::OK)),
        _ => Err(RestError::TooManyPermissions),
    }
}

pub(super) async fn revoke(call: &Call<'_>) -> Result<Response, RestError> {
    let (permission, group) = target(call)?;
    match call.apply(Resource::Connection, ConnOp::Revoke(permission, group)).await? {
        Outcome { refused: 0, .. } => Ok(gone()),
        _ => Err(RestError::TooManyPermissions),
    }
}

pub(super) async fn check(call: &Call<'_>) -> Result<Response, RestError> {
    let (permission, group) = target(call)?;
    let op = ConnOp::Check(permission, group);
    match call.apply_to_existing(Resource::Connection, op, Missing::Info).await? {
        Outcome { refused: 0, .. } => Ok(empty(StatusCode::OK)),
        _ => Err(call.segments.not_permitted(match permission {
            Permission::SendToGroup => "sendToGroup",
            Permission::JoinLeaveGroup => "joinLeaveGroup",
        })),
    }
}

/// The permission and the group it is for, which both permissions need though the parameter is called optional.
fn target(call: &Call<'_>) -> Result<(Permission, Arc<str>), RestError> {
    let permission = call.segments.permission()?;
    let group = call.parameters.single("targetName")?.filter(|group| name::is_valid_group(group));
    let group = group.ok_or_else(|| RestError::invalid_group("targetName"))?;
    Ok((permission, group.into()))
}
