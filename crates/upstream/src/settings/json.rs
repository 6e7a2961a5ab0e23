//! Settings of a hub in JSON: as they are, or as the cloud service's tools show a hub's resource.

use serde_json::{Map, Value};

use super::HubSettings;
use crate::nearest;
use crate::rules::SettingsError;

/// Members of a resource beside its `properties`. `source` is in our own answers.
const RESOURCE_MEMBERS: [&str; 9] =
    ["etag", "id", "location", "name", "resourceGroup", "source", "systemData", "tags", "type"];
const PROPERTIES: &str = "properties";

impl HubSettings {
    /// Reads the settings, or a resource with them in `properties`; other members of a resource are ignored, and `null`
    /// is the same as nothing.
    ///
    /// # Errors
    /// It is no JSON object, or there is a property that is not known or of the wrong type.
    pub fn from_json(json: &[u8]) -> Result<Self, SettingsError> {
        let value = serde_json::from_slice(json).map_err(|error| {
            SettingsError::new(
                "",
                format!("The settings are not JSON: {error}. Write an object, such as {{}}."),
            )
        })?;
        let Value::Object(mut members) = value else {
            return Err(SettingsError::new("", "The settings are not a JSON object. Write one, such as {}."));
        };
        let in_resource = match members.remove(PROPERTIES) {
            None => false,
            Some(Value::Object(properties)) => {
                let outside = std::mem::replace(&mut members, properties);
                only_members_of_a_resource(&outside)?;
                true
            }
            Some(_) => {
                return Err(SettingsError::new(
                    PROPERTIES,
                    "It is not an object. Write the settings in braces.",
                ));
            }
        };
        if !in_resource {
            members.retain(|name, _| !RESOURCE_MEMBERS.contains(&name.as_str()));
        }
        let mut value = Value::Object(members);
        remove_nulls(&mut value);
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let path = if path == "." { String::new() } else { path };
            let message = nearest::in_words(&error.inner().to_string());
            let hint = nearest::in_message(&message)
                .map_or_else(String::new, |name| format!(" Did you mean `{name}`?"));
            SettingsError::new(path, format!("{message}.{hint}"))
        })
    }
}

fn only_members_of_a_resource(members: &Map<String, Value>) -> Result<(), SettingsError> {
    match members.keys().find(|name| !RESOURCE_MEMBERS.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(SettingsError::new(
            name,
            format!("A hub has no such member. Write it into `{PROPERTIES}`, if it is a setting."),
        )),
    }
}

/// Tools write all properties, those that are not set as `null`.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;

    fn error(json: &str) -> String {
        HubSettings::from_json(json.as_bytes()).expect_err("it is wrong").to_string()
    }

    /// The body of event-handlers.md §1.1.
    const RESOURCE: &str = r#"{"id": "/subscriptions/x", "name": "chat", "type": "t", "systemData": null, "properties": {
        "eventHandlers": [{
            "urlTemplate": "https://app.example/api/{hub}/{event}?code=secret",
            "userEventPattern": "*",
            "systemEvents": ["connect", "connected", "disconnected"],
            "auth": {"type": "ManagedIdentity", "managedIdentity": {"resource": "api://my-app"}},
            "groupPresenceEvents": {"eventNames": ["joined", "left"], "groupFilters": ["chat*"]}
        }],
        "eventListeners": [{
            "filter": {"type": "EventName", "systemEvents": ["connected", "disconnected"], "userEventPattern": "*"},
            "endpoint": {"type": "EventHub", "fullyQualifiedNamespace": "ns.servicebus.windows.net", "eventHubName": "eh1"}
        }],
        "anonymousConnectPolicy": "deny",
        "webSocketKeepAliveIntervalInSeconds": 20,
        "chat": {"mode": "Default", "persistentStorage": null}
    }}"#;

    #[test]
    fn a_resource_and_its_properties_are_the_same() {
        let resource: Value = serde_json::from_str(RESOURCE).unwrap();
        let flat = HubSettings::from_json(resource["properties"].to_string().as_bytes()).unwrap();
        assert_eq!(HubSettings::from_json(RESOURCE.as_bytes()).unwrap(), flat);
        assert_eq!(flat.event_handlers[0].system_events.len(), 3);
        assert_eq!(flat.event_listeners[0].endpoint.event_hub_name.as_deref(), Some("eh1"));
        assert_eq!(flat.anonymous_connect_policy, Some(Policy::Deny));
        let again = HubSettings::from_json(&serde_json::to_vec(&flat).unwrap()).unwrap();
        assert_eq!(again, flat);
        assert!(!format!("{flat:?}").contains("secret"));
    }

    #[test]
    fn nothing_and_null_are_the_same() {
        let none = HubSettings::default();
        for json in [
            "{}",
            r#"{"properties": {}}"#,
            r#"{"eventHandlers": null, "eventListeners": null, "anonymousConnectPolicy": null, "id": "x", "resourceGroup": "g"}"#,
        ] {
            assert_eq!(HubSettings::from_json(json.as_bytes()).unwrap(), none, "{json}");
        }
        let handler = r#"{"eventHandlers": [{"urlTemplate": "u", "auth": null, "systemEvents": null, "userEventPattern": null}]}"#;
        let handler = HubSettings::from_json(handler.as_bytes()).unwrap().event_handlers.remove(0);
        assert_eq!(
            (handler.url_template.as_str(), handler.auth, handler.system_events.len()),
            ("u", None, 0)
        );
    }

    #[test]
    fn mistakes_name_the_property() {
        for (json, property, part) in [
            (r#"{"eventHandler": []}"#, "`eventHandler`: ", "Did you mean `eventHandlers`?"),
            (
                r#"{"eventHandlers": [{}, {"urlTemplat": ""}]}"#,
                "`eventHandlers[1].urlTemplat`: ",
                "`urlTemplate`?",
            ),
            (
                r#"{"eventHandlers": [{"systemEvents": "connect"}]}"#,
                "`eventHandlers[0].systemEvents`: ",
                "invalid type",
            ),
            (r#"{"anonymousConnectPolicy": "alow"}"#, "`anonymousConnectPolicy`: ", "Did you mean `allow`?"),
            (
                r#"{"webSocketKeepAliveIntervalInSeconds": -1}"#,
                "`webSocketKeepAliveIntervalInSeconds`: ",
                "invalid value",
            ),
            (r#"{"nothingLikeIt": 1}"#, "`nothingLikeIt`: ", "expected one of"),
            (r#"{"properties": {}, "eventHandlers": []}"#, "`eventHandlers`: ", "into `properties`"),
            (r#"{"properties": []}"#, "`properties`: ", "not an object"),
            ("[]", "", "not a JSON object"),
            ("", "", "not JSON"),
            ("{} {}", "", "not JSON"),
        ] {
            let error = error(json);
            assert!(error.starts_with(property) && error.contains(part), "{json}: {error}");
        }
        assert!(error(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))).contains("not JSON"));
    }
}
