//! Sending messages (rest-api.md §4).

use hublet_wire::client::metadata::MetadataBuilder;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};

use super::transport::Content;
use super::{Client, Target, query_of};
use crate::error::Error;
use crate::pubsub::Data;

/// What can be said about a message besides its target and content.
#[derive(Debug, Clone, Copy, Default)]
pub struct SendOptions<'a> {
    /// Ids of connections that do not get it; the service heeds them for [`Target::All`] and [`Target::Group`].
    pub excluded: &'a [String],
    /// Only the connections that satisfy this OData expression get it; not for [`Target::Connection`].
    pub filter: Option<&'a str>,
    /// How long it may wait for a slow client, 0 to 300; 0 and none: as long as needed.
    pub ttl_seconds: Option<u32>,
    /// Names and values for the clients. Names have no case.
    pub metadata: &'a [(String, String)],
}

impl Client {
    /// Sends a message.
    ///
    /// # Errors
    /// The service refuses it, or is not there. That nobody is there to get the message is no error.
    pub async fn send(&mut self, target: Target<'_>, data: Data) -> Result<(), Error> {
        self.send_with(target, data, &SendOptions::default()).await
    }

    /// Sends a message with options.
    ///
    /// # Errors
    /// As [`Client::send`]; or the metadata cannot be sent ([`Error::Metadata`]).
    pub async fn send_with(
        &mut self,
        target: Target<'_>,
        data: Data,
        options: &SendOptions<'_>,
    ) -> Result<(), Error> {
        let mut content = match data {
            Data::Text(text) => Content::new("text/plain; charset=utf-8", text),
            Data::Json(text) => Content::new("application/json", text),
            // The REST API knows no protobuf; the bytes are what simple clients would get.
            Data::Binary(bytes) | Data::Protobuf(bytes) => Content::new("application/octet-stream", bytes),
        };
        content.headers = headers(options.metadata)?;
        let ttl = options.ttl_seconds.map(|seconds| seconds.to_string());
        let query = query_of("excluded", options.excluded)
            + &query_of("filter", options.filter)
            + &query_of("messageTtlSeconds", ttl);
        let url = self.url(&format!("{}/:send", target.path()), &query);
        self.perform(Method::POST, &url, Some(content)).await.map(drop)
    }
}

/// The headers that carry metadata (rest-api.md §4.3).
fn headers(metadata: &[(String, String)]) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let mut valid = MetadataBuilder::default();
    for (name, value) in metadata {
        // The service would silently cut both.
        if value.contains(',') || value.trim() != value {
            let what = "a value cannot contain a comma or have blanks at its ends";
            return Err(Error::Metadata(format!("The metadata {name:?} cannot be sent: {what}.")));
        }
        valid
            .push(name.to_ascii_lowercase(), value.clone())
            .map_err(|error| Error::Metadata(error.to_string()))?;
    }
    let valid = valid.finish().map_err(|error| Error::Metadata(error.to_string()))?;
    let header = |(name, value): (String, String)| {
        let name = HeaderName::try_from(format!("x-webpubsub-metadata-{name}")).ok()?;
        Some((name, HeaderValue::try_from(value).ok()?))
    };
    // The rules of metadata are stricter than those of headers.
    let headers: Option<Vec<_>> = valid.into_iter().map(header).collect();
    headers.ok_or_else(|| Error::Metadata("The metadata does not fit into HTTP headers.".to_owned()))
}
