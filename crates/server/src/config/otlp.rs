//! `[otlp]`: where spans of requests and of calls of event handlers go, as it is written and as it is meant.

use std::collections::BTreeMap;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use hublet_wire::percent;
use serde::{Deserialize, Serialize};

use super::{ConfigError, http_url};

/// What is shown in place of a header's value.
const MASK: &str = "***";
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:4318";
const DEFAULT_SERVICE_NAME: &str = "hublet";
/// What is added to the endpoint (OTLP 1.x, "OTLP/HTTP Request").
const TRACES_PATH: &str = "/v1/traces";
/// Longest name of the service, in bytes.
const SERVICE_NAME_BYTES_MAX: usize = 256;

/// The variables that OpenTelemetry has for these settings.
const ENDPOINT_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS_VARIABLE: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SERVICE_NAME_VARIABLE: &str = "OTEL_SERVICE_NAME";

/// `[otlp]`
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpSettings {
    /// URL of a collector, without `/v1/traces`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Headers of requests to it. They may be secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// What this service is called there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// The part of traces that begin here that is recorded, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_ratio: Option<f64>,
}

/// The values of headers are left out.
impl fmt::Debug for OtlpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpSettings")
            .field("endpoint", &self.endpoint)
            .field("headers", &self.headers.as_ref().map(|headers| headers.keys().collect::<Vec<_>>()))
            .field("service_name", &self.service_name)
            .field("sample_ratio", &self.sample_ratio)
            .finish()
    }
}

impl OtlpSettings {
    /// This layer over a `lower` one.
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            endpoint: self.endpoint.or(lower.endpoint),
            headers: self.headers.or(lower.headers),
            service_name: self.service_name.or(lower.service_name),
            sample_ratio: self.sample_ratio.or(lower.sample_ratio),
        }
    }

    /// `upper` over OpenTelemetry's own variables. They alone turn the export on if they have an endpoint, and this build
    /// can export; in another one they are for somebody else.
    ///
    /// # Errors
    /// The headers of the variable cannot be read; the text does not have them.
    pub(super) fn over_variables(
        upper: Option<Self>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ConfigError> {
        if !cfg!(feature = "otlp") {
            return Ok(upper);
        }
        let variable = |name| variable(name).filter(|value| !value.trim().is_empty());
        let endpoint = variable(ENDPOINT_VARIABLE);
        if upper.is_none() && endpoint.is_none() {
            return Ok(None);
        }
        let lower = Self {
            endpoint,
            headers: variable(HEADERS_VARIABLE).map(|text| header_list(&text)).transpose()?,
            service_name: variable(SERVICE_NAME_VARIABLE),
            sample_ratio: None,
        };
        Ok(Some(upper.unwrap_or_default().or(lower)))
    }
}

/// `name=value,name=value`, the values percent-encoded.
fn header_list(text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = String::from_utf8(percent::decode_segment(value.trim()).into_owned()).ok()?;
        Some((name.trim().to_owned(), value))
    };
    let pairs = text.split(',').map(str::trim).filter(|text| !text.is_empty());
    pairs.map(pair).collect::<Option<_>>().ok_or_else(|| {
        ConfigError::new(format!(
            "{HEADERS_VARIABLE} cannot be read. Write name=value, with commas in between and values percent-encoded."
        ))
    })
}

/// Where spans go.
#[derive(Debug, Clone, PartialEq)]
pub struct Otlp {
    /// The collector's URL for traces.
    pub url: Uri,
    /// As it was written.
    endpoint: String,
    /// Headers of requests to it; the values are marked as sensitive.
    pub headers: HeaderMap,
    /// What this service is called there.
    pub service_name: String,
    /// The part of traces that begin here that is recorded, 0 to 1.
    pub sample_ratio: f64,
}

impl Otlp {
    pub(super) fn new(settings: &OtlpSettings) -> Result<Self, ConfigError> {
        if !cfg!(feature = "otlp") {
            return Err(ConfigError::new(
                "There is `[otlp]`, but this build has no OTLP. Build hublet with --features otlp, or remove the section.",
            ));
        }
        let endpoint = settings.endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT).trim();
        let sample_ratio = settings.sample_ratio.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&sample_ratio) {
            return Err(ConfigError::new(format!(
                "`otlp.sample_ratio` is {sample_ratio}. It must be between 0 and 1."
            )));
        }
        let service_name = settings.service_name.as_deref().unwrap_or(DEFAULT_SERVICE_NAME).trim();
        if service_name.is_empty() || service_name.len() > SERVICE_NAME_BYTES_MAX {
            return Err(ConfigError::new(format!(
                "`otlp.service_name` is empty or longer than {SERVICE_NAME_BYTES_MAX} bytes. Write what this service is to be \
                 called in traces."
            )));
        }
        Ok(Self {
            url: url(endpoint)?,
            endpoint: endpoint.to_owned(),
            headers: settings.headers.iter().flatten().map(header).collect::<Result<_, _>>()?,
            service_name: service_name.to_owned(),
            sample_ratio,
        })
    }

    pub(super) fn effective(&self) -> OtlpSettings {
        let headers = self.headers.keys().map(|name| (name.to_string(), MASK.to_owned()));
        OtlpSettings {
            endpoint: Some(self.endpoint.clone()),
            headers: Some(headers.collect()).filter(|headers: &BTreeMap<_, _>| !headers.is_empty()),
            service_name: Some(self.service_name.clone()),
            sample_ratio: Some(self.sample_ratio),
        }
    }
}

fn url(endpoint: &str) -> Result<Uri, ConfigError> {
    let url = http_url(endpoint).filter(|url| url.query().is_none() && !endpoint.contains('#'));
    let url = url.and_then(|url| {
        let path = url.path().trim_end_matches('/');
        // Who writes the whole address means it.
        let path = path.strip_suffix(TRACES_PATH).unwrap_or(path);
        format!("{}://{}{path}{TRACES_PATH}", url.scheme_str()?, url.authority()?).parse().ok()
    });
    url.ok_or_else(|| {
        ConfigError::new(format!(
            "`otlp.endpoint`, or {ENDPOINT_VARIABLE}, is not the URL of a collector. Write one with http or https, such as \
             {DEFAULT_ENDPOINT}, without credentials and query."
        ))
    })
}

fn header((name, value): (&String, &String)) -> Result<(HeaderName, HeaderValue), ConfigError> {
    let known = name.trim().parse::<HeaderName>();
    match (known, HeaderValue::from_str(value)) {
        (Ok(name), Ok(mut value)) => {
            value.set_sensitive(true);
            Ok((name, value))
        }
        _ => Err(ConfigError::new(format!(
            "The header {name:?} of `otlp.headers` cannot be sent. Use the characters of a header's name, and visible \
             characters in its value."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};

    fn error(text: &str) -> String {
        let settings = Settings::from_toml(text).expect("readable settings");
        Config::new(&settings).expect_err("it is wrong").to_string()
    }

    #[cfg(not(feature = "otlp"))]
    #[test]
    fn a_build_without_it_says_so_and_leaves_variables_alone() {
        assert!(error("[otlp]\n").contains("Build hublet with --features otlp"));
        let all = |_: &str| Some("http://127.0.0.1:4318".to_owned());
        assert_eq!(OtlpSettings::over_variables(None, all), Ok(None));
    }

    #[cfg(feature = "otlp")]
    mod built {
        use super::*;

        fn otlp(text: &str) -> Otlp {
            let settings = Settings::from_toml(text).expect("readable settings");
            Config::new(&settings).expect("a good configuration").otlp.expect("it is on")
        }

        #[test]
        fn defaults() {
            let otlp = otlp("[otlp]\n");
            assert_eq!(otlp.url, "http://127.0.0.1:4318/v1/traces");
            assert_eq!((otlp.service_name.as_str(), otlp.sample_ratio), ("hublet", 1.0));
            assert!(Config::new(&Settings::default()).unwrap().otlp.is_none());
        }

        #[test]
        fn the_path_is_added_once() {
            for (endpoint, url) in [
                ("http://h:4318", "http://h:4318/v1/traces"),
                ("https://h/otlp/", "https://h/otlp/v1/traces"),
                ("https://h/otlp/v1/traces", "https://h/otlp/v1/traces"),
            ] {
                assert_eq!(otlp(&format!("[otlp]\nendpoint = \"{endpoint}\"\n")).url, url);
            }
        }

        #[test]
        fn headers_are_never_shown() {
            let text = "[otlp]\nheaders = { \"api-key\" = \"s3cret\" }\n";
            let settings = Settings::from_toml(text).unwrap();
            let config = Config::new(&settings).unwrap();
            assert_eq!(config.otlp.as_ref().unwrap().headers["api-key"], "s3cret");
            let shown = toml::to_string(&config.effective()).unwrap();
            assert!(shown.contains("api-key = \"***\"") && !shown.contains("s3cret"), "{shown}");
            assert!(!format!("{settings:?} {:?}", config.otlp).contains("s3cret"));
        }

        #[test]
        fn variables_are_the_lower_layer() {
            let variables = |name: &str| match name {
                "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://c:1".to_owned()),
                "OTEL_EXPORTER_OTLP_HEADERS" => Some("api-key=a%20b, x = y".to_owned()),
                "OTEL_SERVICE_NAME" => Some("chat".to_owned()),
                _ => None,
            };
            let only = OtlpSettings::over_variables(None, variables).unwrap().unwrap();
            assert_eq!(only.endpoint.as_deref(), Some("http://c:1"));
            assert_eq!(only.headers.unwrap(), {
                [("api-key", "a b"), ("x", "y")].map(|(n, v)| (n.to_owned(), v.to_owned())).into()
            });
            let file = OtlpSettings { endpoint: Some("http://f:1".to_owned()), ..OtlpSettings::default() };
            let both = OtlpSettings::over_variables(Some(file), variables).unwrap().unwrap();
            assert_eq!(both.endpoint.as_deref(), Some("http://f:1"));
            assert_eq!(both.service_name.as_deref(), Some("chat"));
            // A name alone, which may be meant for others, turns nothing on.
            let name = |name: &str| (name == "OTEL_SERVICE_NAME").then(|| "chat".to_owned());
            assert_eq!(OtlpSettings::over_variables(None, name), Ok(None));
        }

        #[test]
        fn mistakes_say_what_to_change() {
            for (text, part) in [
                ("[otlp]\nendpoint = \"127.0.0.1:4318\"", "Write one with http or https"),
                ("[otlp]\nendpoint = \"http://u:p@h\"", "without credentials"),
                ("[otlp]\nendpoint = \"http://h/?key=s3cret\"", "without credentials and query"),
                ("[otlp]\nsample_ratio = 1.5", "between 0 and 1"),
                ("[otlp]\nsample_ratio = nan", "between 0 and 1"),
                ("[otlp]\nservice_name = \" \"", "`otlp.service_name` is empty"),
                ("[otlp]\nheaders = { \"a b\" = \"s3cret\" }", "The header \"a b\""),
                ("[otlp]\nheaders = { \"k\" = \"s3cret\\n\" }", "cannot be sent"),
            ] {
                let error = error(text);
                assert!(error.contains(part) && !error.contains("s3cret"), "{text}: {error}");
            }
            let bad = |name: &str| (name != "OTEL_SERVICE_NAME").then(|| "s3cret".to_owned());
            let error = OtlpSettings::over_variables(None, bad).unwrap_err().to_string();
            assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS") && !error.contains("s3cret"), "{error}");
        }
    }
}
