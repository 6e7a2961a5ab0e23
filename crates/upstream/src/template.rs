//! URL templates of event handlers (event-handlers.md §1.3).

mod scan;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use http::Uri;
use http::uri::Authority;

use crate::environment::Secrets;
use scan::Piece;

/// Longest template as it is written.
const TEMPLATE_BYTES_MAX: usize = 2_048;
/// Placeholders in one template, so that a URL with the longest names stays one that can be sent.
const PLACEHOLDERS_MAX: usize = 16;
/// What is shown in place of a secret.
const MASK: &str = "***";

/// A URL with the placeholders `{hub}` and `{event}` in path or query; checked, so that every expansion is a URL.
///
/// Its `Debug` shows neither the query nor secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    written: String,
    is_https: bool,
    authority: Authority,
    /// Begins with a slash.
    path: Box<[Part]>,
    query: Option<Box<[Part]>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// As it is sent.
    Text(String),
    Hub,
    Event,
    /// A secret that was looked up, as it is sent.
    Secret(String),
}

/// A template that cannot be meant. The text says what to change, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTemplate(String);

impl UrlTemplate {
    /// Reads a template without secrets, see [`UrlTemplate::with_secrets`].
    ///
    /// # Errors
    /// As [`UrlTemplate::with_secrets`].
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        Self::with_secrets(text, &Secrets::default())
    }

    /// Reads a template of at most 2,048 bytes. Placeholders for secrets of a key vault,
    /// `{@Microsoft.KeyVault(SecretUri=…)}`, are looked up in `secrets`.
    ///
    /// # Errors
    /// No `http` or `https` URL, credentials or a fragment in it, a placeholder in its host, an unknown placeholder, or a
    /// secret that is not known.
    pub fn with_secrets(text: &str, secrets: &Secrets) -> Result<Self, InvalidTemplate> {
        let text = text.trim();
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(invalid(format!(
                "The URL has {} bytes. Shorten it to {TEMPLATE_BYTES_MAX} at most",
                text.len()
            )));
        }
        let pieces = scan::pieces(text)?;
        let mut pieces = pieces.into_iter();
        let Some(Piece::Text(beginning)) = pieces.next() else {
            return Err(invalid("The URL does not begin with http:// or https://. Write it in full"));
        };
        let (is_https, rest) = scheme(beginning)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(end);
        if rest.is_empty()
            && let Some(placeholder) = pieces.as_slice().first()
        {
            return Err(invalid(format!(
                "{placeholder} stands in the host of the URL. Placeholders may stand in its path and query only"
            )));
        }
        let authority = authority(host)?;
        let mut target = Target::default();
        for piece in std::iter::once(Piece::Text(rest)).chain(pieces) {
            target.add(piece, secrets)?;
        }
        if target.path.is_empty() {
            target.path.push(Part::Text("/".to_owned()));
        }
        let template = Self {
            written: text.to_owned(),
            is_https,
            authority,
            path: target.path.into(),
            query: target.query.map(Into::into),
        };
        if template.text("h", "e").parse::<Uri>().is_err() {
            return Err(invalid("The URL is none. Check it for stray characters"));
        }
        Ok(template)
    }

    /// The URL for an event of a hub, of at most 128 characters each; each becomes one percent-encoded path segment, in
    /// the letter case given.
    pub fn expand(&self, hub: &str, event: &str) -> Uri {
        // Was tried when it was parsed, and encoded names have no character that could change that.
        self.text(hub, event).parse().unwrap_or_default()
    }

    /// The URL for an event of a hub as a log may show it: without the query, secrets masked.
    pub fn shown(&self, hub: &str, event: &str) -> String {
        let mut text = self.origin();
        for part in &self.path {
            match part {
                Part::Secret(_) => text.push_str(MASK),
                part => part.push(hub, event, &mut text),
            }
        }
        text
    }

    /// The template as a log may show it: without the query, secrets masked.
    pub fn without_query(&self) -> String {
        let mut text = self.origin();
        for part in &self.path {
            text.push_str(match part {
                Part::Text(text) => text,
                Part::Hub => "{hub}",
                Part::Event => "{event}",
                Part::Secret(_) => MASK,
            });
        }
        text
    }

    /// As it was written, with what may be a secret in its query.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Host name or address, an IPv6 one in brackets.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    fn origin(&self) -> String {
        format!("{}://{}", if self.is_https { "https" } else { "http" }, self.authority)
    }

    fn text(&self, hub: &str, event: &str) -> String {
        let mut text = self.origin();
        self.path.iter().for_each(|part| part.push(hub, event, &mut text));
        if let Some(query) = &self.query {
            text.push('?');
            query.iter().for_each(|part| part.push(hub, event, &mut text));
        }
        text
    }
}

impl fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlTemplate({:?})", self.without_query())
    }
}

impl Part {
    fn push(&self, hub: &str, event: &str, text: &mut String) {
        match self {
            Self::Text(own) | Self::Secret(own) => text.push_str(own),
            Self::Hub => push_encoded(hub, is_unreserved, text),
            Self::Event => push_encoded(event, is_unreserved, text),
        }
    }
}

/// Path and query while they are read.
#[derive(Default)]
struct Target {
    path: Vec<Part>,
    query: Option<Vec<Part>>,
    placeholders: usize,
}

impl Target {
    fn add(&mut self, piece: Piece<'_>, secrets: &Secrets) -> Result<(), InvalidTemplate> {
        let part = match piece {
            Piece::Text(text) => return self.add_text(text),
            Piece::Hub(_) => Part::Hub,
            Piece::Event(_) => Part::Event,
            Piece::Secret(uri) => {
                let value = secrets.get(uri).ok_or_else(|| {
                    invalid(format!(
                        "The secret {uri} is not known here. Add \"{uri}\" with its value, or file: and a path, under \
                         [secrets] in the configuration file"
                    ))
                })?;
                let mut encoded = String::new();
                push_encoded(value, is_unreserved, &mut encoded);
                Part::Secret(encoded)
            }
        };
        self.placeholders += 1;
        if self.placeholders > PLACEHOLDERS_MAX {
            return Err(invalid(format!(
                "The URL has more than {PLACEHOLDERS_MAX} placeholders. Use fewer of them"
            )));
        }
        self.part(part);
        Ok(())
    }

    fn add_text(&mut self, text: &str) -> Result<(), InvalidTemplate> {
        if text.contains('#') {
            return Err(invalid(
                "The URL has a fragment, which is never sent. Remove the # and what follows it, or write %23",
            ));
        }
        if text.contains(char::is_control) {
            return Err(invalid("There is a control character in the URL. Remove it"));
        }
        let (path, query) = match (&self.query, text.split_once('?')) {
            (None, Some((path, query))) => (path, Some(query)),
            _ => (text, None),
        };
        self.part(encoded_text(path));
        if let Some(query) = query {
            self.query = Some(vec![encoded_text(query)]);
        }
        Ok(())
    }

    fn part(&mut self, part: Part) {
        if part != Part::Text(String::new()) {
            self.query.as_mut().unwrap_or(&mut self.path).push(part);
        }
    }
}

/// What is written, with what may not stand in a URL percent-encoded, as browsers and .NET do it.
fn encoded_text(text: &str) -> Part {
    let mut encoded = String::new();
    push_encoded(text, |byte| is_unreserved(byte) || b"%:/?[]@!$&'()*+,;=".contains(&byte), &mut encoded);
    Part::Text(encoded)
}

fn push_encoded(text: &str, is_plain: impl Fn(u8) -> bool, into: &mut String) {
    for byte in text.bytes() {
        if is_plain(byte) {
            into.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Whether it is `https`, and what stands behind the scheme.
fn scheme(text: &str) -> Result<(bool, &str), InvalidTemplate> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| invalid("The URL does not begin with http:// or https://. Write it in full"))?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok((false, rest)),
        "https" => Ok((true, rest)),
        "tunnel" => Err(invalid(
            "Tunnels are not offered yet. Use the address of the app server, with http:// or https://",
        )),
        other => {
            Err(invalid(format!("The scheme {other:?} is not one of event handlers. Use http or https")))
        }
    }
}

fn authority(host: &str) -> Result<Authority, InvalidTemplate> {
    if host.contains('@') {
        return Err(invalid(
            "There are credentials in the URL. Remove what stands before the @, and use `auth` instead",
        ));
    }
    if !host.is_ascii() {
        return Err(invalid(
            "The host is not written in ASCII. Write its name as in DNS, beginning with xn--",
        ));
    }
    let parsed: Authority = host.parse().map_err(|_| {
        invalid("The URL has no host that can be read. Write http:// or https://, a host, and perhaps a port")
    })?;
    let name = parsed.host();
    let port = host.get(name.len()..).unwrap_or_default();
    let has_good_port = port.is_empty() || parsed.port_u16().is_some_and(|port| port > 0);
    if name.is_empty() || !has_good_port {
        return Err(invalid(
            "The host or the port of the URL is none. Write a name or an address, and a port from 1",
        ));
    }
    Ok(parsed)
}

fn invalid(text: impl Into<String>) -> InvalidTemplate {
    let mut text: String = text.into();
    text.push('.');
    InvalidTemplate(text)
}
