//! `/api/ext/hubs`: settings of hubs.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hublet_upstream::rules::{HubRules, SettingsError};
use hublet_upstream::settings::HubSettings;
use serde::Serialize;

use super::super::error::{Missing, RestError};
use super::super::gone;
use crate::http::{HttpContext, Response, host_name, json};
use crate::hubs::{Hubs, Refusal, SETTINGS_BYTES_MAX, Source};

/// A hub as the cloud service's resource model shows it, and where its settings come from.
#[derive(Serialize)]
struct Hub<'a> {
    name: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<HubSettings>,
}

#[derive(Serialize)]
struct List<'a> {
    value: Vec<Hub<'a>>,
}

/// All hubs, without their settings.
pub(super) fn list(hubs: &Hubs) -> Response {
    let hubs = hubs.list();
    let value =
        hubs.iter().map(|(name, source)| Hub { name, source: source.as_str(), properties: None }).collect();
    document(StatusCode::OK, &List { value })
}

pub(super) fn get(hubs: &Hubs, hub: &str) -> Result<Response, RestError> {
    let (source, rules) = hubs.find(hub).ok_or_else(|| missing(hub))?;
    Ok(shown(StatusCode::OK, hub, source, &rules))
}

pub(super) async fn put(
    context: &HttpContext,
    request: &Parts,
    hub: Arc<str>,
    settings: &Bytes,
    validate: bool,
) -> Result<Response, RestError> {
    if settings.len() > SETTINGS_BYTES_MAX {
        let text =
            format!("The settings have {} bytes. At most {SETTINGS_BYTES_MAX} are kept.", settings.len());
        return Err(RestError::bad_request(text));
    }
    let settings = HubSettings::from_json(settings).map_err(invalid)?;
    let rules = context.hubs.check(&hub, settings).map_err(|refusal| refused(&hub, refusal))?;
    if validate {
        let host = host_name(request);
        let refusal = context.courier.upstream().validate(&hub, &rules, &host).await.err();
        refusal.map_or(Ok(()), |sentence| Err(RestError::validation("validate", sentence)))?;
    }
    let is_new = {
        let (hub, rules) = (Arc::clone(&hub), Arc::clone(&rules));
        blocking(&context.hubs, move |hubs| hubs.put(&hub, &rules)).await
    };
    let is_new = is_new.map_err(|refusal| refused(&hub, refusal))?;
    tracing::info!(hub = &*hub, "the settings of a hub were changed by the admin API");
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(shown(status, &hub, Source::Api, &rules))
}

pub(super) async fn delete(hubs: &Arc<Hubs>, hub: Arc<str>) -> Result<Response, RestError> {
    let name = Arc::clone(&hub);
    let deleted = blocking(hubs, move |hubs| hubs.delete(&name)).await;
    if !deleted.map_err(|refusal| refused(&hub, refusal))? {
        return Err(missing(&hub));
    }
    tracing::info!(hub = &*hub, "the settings of a hub were deleted by the admin API");
    Ok(gone())
}

/// Does what waits for the disk where no connection waits for it.
async fn blocking<T: Send + 'static>(
    hubs: &Arc<Hubs>,
    change: impl FnOnce(&Hubs) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let hubs = Arc::clone(hubs);
    let changed = tokio::task::spawn_blocking(move || change(&hubs)).await;
    changed.unwrap_or(Err(Refusal::Stopping))
}

fn shown(status: StatusCode, name: &str, source: Source, rules: &HubRules) -> Response {
    let properties = Some(rules.settings.masked());
    document(status, &Hub { name, source: source.as_str(), properties })
}

pub(super) fn document(status: StatusCode, document: &impl Serialize) -> Response {
    // Names and texts always serialise.
    json(status, serde_json::to_vec(document).unwrap_or_default())
}

pub(super) fn missing(hub: &str) -> RestError {
    RestError::Missing { severity: Missing::Error, what: "Hub", name: hub.to_owned() }
}

fn invalid(error: SettingsError) -> RestError {
    match error.property() {
        "" => RestError::bad_request(error.to_string()),
        property => {
            RestError::Validation { target: Cow::Owned(property.to_owned()), message: error.to_string() }
        }
    }
}

fn refused(hub: &str, refusal: Refusal) -> RestError {
    match refusal {
        Refusal::Settings(error) => invalid(error),
        Refusal::ReadOnly(_) | Refusal::Listeners(_) | Refusal::TooMany => {
            RestError::Conflict(refusal.to_string())
        }
        Refusal::Store(error) => {
            // It names files of this machine.
            tracing::error!(hub, %error, "the settings of a hub could not be kept");
            RestError::Unavailable("The settings could not be kept. The log of the service says why.")
        }
        Refusal::Stopping => RestError::Unavailable("The service is stopping. Try again in a moment."),
    }
}
