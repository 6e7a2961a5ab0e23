//! Existence and closing (rest-api.md §5.2, §5.4).

use http::StatusCode;
use hublet_hub::ConnOp;

use super::error::{Missing, RestError};
use super::route::Resource;
use super::{Call, gone};
use crate::http::{Response, empty};

pub(super) async fn exists(call: &Call<'_>, resource: Resource) -> Result<Response, RestError> {
    call.apply_to_existing(resource, ConnOp::Exists, Missing::Warning).await?;
    Ok(empty(StatusCode::OK))
}

pub(super) async fn close(call: &Call<'_>, resource: Resource) -> Result<Response, RestError> {
    let reason = call.parameters.single("reason")?.unwrap_or_default().into();
    let excluded = match resource {
        Resource::Connection => [].into(),
        _ => call.parameters.excluded().collect(),
    };
    call.apply(resource, ConnOp::Close { reason, excluded }).await?;
    Ok(gone())
}
