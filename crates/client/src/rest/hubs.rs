//! Settings of hubs: the part of the API that is hublet's own, under `/api/ext/`.

use std::time::Duration;

use hublet_wire::percent;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Client;
use super::transport::Content;
use crate::error::Error;

/// How long a test of a hub's handlers, or a replay, may take: it waits for handlers.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(240);

/// A hub that has settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Hub {
    /// Its name.
    pub name: String,
    /// Where the settings come from: `file` (the configuration file, which alone can change them) or `api`.
    pub source: String,
}

/// The settings of a hub, in the shape of the cloud service's resource.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct HubResource {
    /// The hub's name.
    pub name: String,
    /// As of [`Hub`].
    pub source: String,
    /// The settings, with `***` in place of secrets. They may be set again so: the service knows the secrets.
    pub properties: Value,
}

/// What a test of a hub's event handlers found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HubTest {
    /// For each handler, in the order of the settings.
    pub handlers: Vec<HandlerTest>,
}

/// What the test of one event handler found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandlerTest {
    /// Its URL template.
    pub url_template: String,
    /// Whether everything went well.
    pub ok: bool,
    /// What was tried, in order.
    #[serde(default)]
    pub steps: Vec<TestStep>,
    /// The result in a sentence, and what to change.
    #[serde(default)]
    pub sentence: String,
}

/// One thing that a test tried.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestStep {
    /// What: `validation`, `sample event`, ….
    pub name: String,
    /// Whether it went well.
    pub ok: bool,
    /// What happened.
    #[serde(default)]
    pub sentence: String,
}

impl Client {
    /// The hubs that have settings. It needs no hub.
    ///
    /// # Errors
    /// The service refuses it, is not there, or answers something else.
    pub async fn hubs(&mut self) -> Result<Vec<Hub>, Error> {
        #[derive(Deserialize)]
        struct Hubs {
            value: Vec<Hub>,
        }
        let url = format!("{}/api/ext/hubs", self.service.endpoint());
        let body = self.perform(Method::GET, &url, None).await?;
        let hubs: Hubs =
            serde_json::from_slice(&body).map_err(|_| Error::Message("the answer is no list of hubs"))?;
        Ok(hubs.value)
    }

    /// The settings of the hub; `None`: it has none.
    ///
    /// # Errors
    /// The service refuses it, is not there, or answers something else.
    pub async fn hub_settings(&mut self) -> Result<Option<HubResource>, Error> {
        match self.perform(Method::GET, &self.hub_url(""), None).await {
            Ok(body) => resource(&body).map(Some),
            // A 404 without a code comes from something that does not know of settings.
            Err(Error::Rest { status: StatusCode::NOT_FOUND, code: Some(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the hub these settings, or those of a resource, instead of those that it had, and returns them as the
    /// service keeps them.
    ///
    /// # Errors
    /// The service refuses them (400: they are wrong; 409: they are in the configuration file), or is not there.
    pub async fn set_hub_settings(&mut self, settings: &Value) -> Result<HubResource, Error> {
        let content = Content::new("application/json", settings.to_string());
        resource(&self.perform(Method::PUT, &self.hub_url(""), Some(content)).await?)
    }

    /// Takes the hub's settings away. The hub stays usable.
    ///
    /// # Errors
    /// The service refuses it (404: there are none; 409: they are in the configuration file), or is not there.
    pub async fn delete_hub_settings(&mut self) -> Result<(), Error> {
        self.perform(Method::DELETE, &self.hub_url(""), None).await.map(drop)
    }

    /// Lets the service call the hub's event handlers as it would for a client.
    ///
    /// # Errors
    /// The service refuses it (404: the hub has no settings), or is not there. That a handler fails is no error.
    pub async fn test_hub(&mut self) -> Result<HubTest, Error> {
        let body = self.perform_patiently(Method::POST, &self.hub_url("/:test"), HANDLER_TIMEOUT).await?;
        serde_json::from_slice(&body).map_err(|_| Error::Message("the answer is no result of a test"))
    }

    /// The last calls of the hub's event handlers, as the service tells of them.
    ///
    /// # Errors
    /// The service refuses it, is not there, or answers something else.
    pub async fn hub_exchanges(&mut self) -> Result<Value, Error> {
        json(&self.perform(Method::GET, &self.hub_url("/exchanges"), None).await?)
    }

    /// Sends the event of a former exchange to its handler again, and returns what came of it as the service tells it.
    ///
    /// # Errors
    /// The service refuses it (404: it no longer knows the exchange), is not there, or answers something else.
    pub async fn replay(&mut self, exchange: &str) -> Result<Value, Error> {
        let url = self.hub_url(&format!("/exchanges/{}/:replay", percent::encode(exchange)));
        json(&self.perform_patiently(Method::POST, &url, HANDLER_TIMEOUT).await?)
    }

    fn hub_url(&self, path: &str) -> String {
        format!("{}/api/ext/hubs/{}{path}", self.service.endpoint(), percent::encode(&self.hub))
    }
}

fn resource(body: &[u8]) -> Result<HubResource, Error> {
    serde_json::from_slice(body).map_err(|_| Error::Message("the answer holds no settings"))
}

fn json(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).map_err(|_| Error::Message("the answer is not JSON"))
}
