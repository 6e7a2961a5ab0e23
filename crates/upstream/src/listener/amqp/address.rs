//! Where an event hub is, and how to get in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::uri::Authority;
use hublet_wire::percent;
use ring::hmac;

/// Port of AMQP over TLS.
const TLS_PORT: u16 = 5671;
/// Port of AMQP without TLS, as the local Event Hubs emulator speaks it.
const PLAIN_PORT: u16 = 5672;

/// Where an event hub is.
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) event_hub: String,
    pub(super) access: Access,
}

/// How to get in.
pub(super) enum Access {
    /// User and password, as any AMQP server knows them; Event Hubs takes name and text of a key for them.
    Password(SharedKey),
    /// A token that the key signs, as Azure's own clients do: the emulator has nothing else.
    SignedToken(SharedKey),
    /// A token of the identity.
    BearerToken,
}

/// A shared access key. It is never shown.
#[derive(Clone)]
pub(super) struct SharedKey {
    pub(super) name: String,
    pub(super) key: String,
}

impl Address {
    /// # Errors
    /// What is wrong with the settings.
    pub(super) fn parse(
        namespace: &str,
        event_hub: &str,
        connection_string: Option<&str>,
    ) -> Result<Self, &'static str> {
        let authority: Authority = namespace
            .parse()
            .map_err(|_| "the namespace is not a host name, such as my-namespace.servicebus.windows.net")?;
        let mut tls = true;
        let mut access = Access::BearerToken;
        if let Some(text) = connection_string {
            let part = |name: &str| {
                let mut parts = text.split(';').filter_map(|part| part.split_once('='));
                parts.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
            };
            let (Some(name), Some(key)) = (part("SharedAccessKeyName"), part("SharedAccessKey")) else {
                return Err("the connection string has no shared access key");
            };
            let key = SharedKey { name: name.to_owned(), key: key.to_owned() };
            let emulator =
                part("UseDevelopmentEmulator").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            tls = !emulator;
            access = if emulator { Access::SignedToken(key) } else { Access::Password(key) };
        }
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if tls { TLS_PORT } else { PLAIN_PORT }),
            tls,
            event_hub: event_hub.to_owned(),
            access,
        })
    }

    /// What tokens are for.
    pub(super) fn audience(&self) -> String {
        format!("sb://{}/{}", self.host, self.event_hub)
    }
}

impl SharedKey {
    /// A token for an audience until a time in seconds since 1970.
    pub(super) fn token(&self, audience: &str, expires_s: u64) -> String {
        let audience = percent::encode(audience);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.key.as_bytes());
        let signature = hmac::sign(&key, format!("{audience}\n{expires_s}").as_bytes());
        let signature = percent::encode(&STANDARD.encode(signature));
        let name = percent::encode(&self.name);
        format!("SharedAccessSignature sr={audience}&sig={signature}&se={expires_s}&skn={name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(namespace: &str, connection_string: Option<&str>) -> Address {
        Address::parse(namespace, "eh1", connection_string).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn addresses_and_access() {
        let plain = "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=a+b/c==;EntityPath=eh1";
        let emulator = "SharedAccessKey = k= ; sharedaccesskeyname=n;usedevelopmentemulator=TRUE;";
        for (namespace, text, expected) in [
            ("ns.servicebus.windows.net", None, ("ns.servicebus.windows.net", 5671, true, "bearer")),
            (
                "ns.servicebus.windows.net",
                Some(plain),
                ("ns.servicebus.windows.net", 5671, true, "n a+b/c=="),
            ),
            ("localhost:5670", Some(plain), ("localhost", 5670, true, "n a+b/c==")),
            ("localhost", Some(emulator), ("localhost", 5672, false, "token n k=")),
            ("[::1]:7", Some(emulator), ("::1", 7, false, "token n k=")),
        ] {
            let address = parse(namespace, text);
            let access = match &address.access {
                Access::Password(key) => format!("{} {}", key.name, key.key),
                Access::SignedToken(key) => format!("token {} {}", key.name, key.key),
                Access::BearerToken => "bearer".to_owned(),
            };
            assert_eq!((&*address.host, address.port, address.tls, &*access), expected);
        }
        assert_eq!(parse("h:1", None).audience(), "sb://h/eh1");
        for (namespace, text) in [("a b", None), ("", None), ("h", Some("SharedAccessKeyName=n"))] {
            assert!(Address::parse(namespace, "eh1", text).is_err(), "{namespace}");
        }
    }

    #[test]
    fn signed_tokens() {
        let key = SharedKey { name: "send only".to_owned(), key: "k3y/+=".to_owned() };
        // Computed with Python's hmac and urllib.parse.quote.
        assert_eq!(
            key.token("sb://ns.servicebus.windows.net/eh1", 1_790_000_000),
            "SharedAccessSignature sr=sb%3A%2F%2Fns.servicebus.windows.net%2Feh1&sig=sWKkdEkubHEU7TBrQp0sO%2BgLNu84uaZxymZ1fKKIKA4%3D&se=1790000000&skn=send%20only"
        );
    }
}
