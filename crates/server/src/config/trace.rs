//! What is shown of what goes on: the live trace, resource logs, and the form of the service's own log.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What the live trace keeps when nothing else is said.
const BUFFER_BYTES: i64 = 8 << 20;
/// What it may be asked to keep.
const BUFFER_BYTES_RANGE: std::ops::RangeInclusive<i64> = 64 << 10..=1 << 30;
/// When a resource log goes on in a new file.
const FILE_BYTES: u64 = 64 << 20;
const FILE_BYTES_MIN: u64 = 4 << 10;
/// Files of resource logs that are kept, the one that is written included.
const FILES: usize = 5;
const FILES_RANGE: std::ops::RangeInclusive<usize> = 1..=1_000;
/// Where resource logs go that go to no file.
const STDOUT: &str = "stdout";
const RESOURCE_ID: &str = "/PROVIDERS/MICROSOFT.SIGNALRSERVICE/WEBPUBSUB/HUBLET";
const LOCATION: &str = "self-hosted";

/// The three kinds of logs (operations.md §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Category {
    /// How connections begin and end, who is refused, and what goes wrong with event handlers.
    ConnectivityLogs,
    /// Messages, and who is in which group.
    MessagingLogs,
    /// Requests to the REST API.
    HttpRequestLogs,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ConnectivityLogs, Self::MessagingLogs, Self::HttpRequestLogs];

    /// The name, as in Azure.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectivityLogs => "ConnectivityLogs",
            Self::MessagingLogs => "MessagingLogs",
            Self::HttpRequestLogs => "HttpRequestLogs",
        }
    }
}

/// How lines of the service's own log are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[live_trace]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveTraceSettings {
    /// Keep what happens for whoever looks; default: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Bytes of what happened last that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer_bytes: Option<i64>,
    /// Show the beginning of messages while somebody looks; default: in development mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payloads: Option<bool>,
    /// What is kept; default: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<Category>>,
}

/// `[resource_logs]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceLogSettings {
    /// What is written; default: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<Category>>,
    /// Where to: a file, or `stdout`. Without it nothing is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Bytes after which a new file is begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
    /// Files that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// `resourceId` of the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// `location` of the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

impl LiveTraceSettings {
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            enabled: self.enabled.or(lower.enabled),
            buffer_bytes: self.buffer_bytes.or(lower.buffer_bytes),
            payloads: self.payloads.or(lower.payloads),
            categories: self.categories.or(lower.categories),
        }
    }
}

impl ResourceLogSettings {
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            categories: self.categories.or(lower.categories),
            file: self.file.or(lower.file),
            file_bytes: self.file_bytes.or(lower.file_bytes),
            files: self.files.or(lower.files),
            resource_id: self.resource_id.or(lower.resource_id),
            location: self.location.or(lower.location),
        }
    }
}

/// The live trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTrace {
    /// Whether there is one.
    pub enabled: bool,
    /// Bytes of what happened last that are kept.
    pub buffer_bytes: usize,
    /// Whether the beginning of messages is shown while somebody looks.
    pub payloads: bool,
    /// What is kept.
    pub categories: Vec<Category>,
}

impl LiveTrace {
    /// # Errors
    /// A number out of its range.
    pub(super) fn new(settings: &LiveTraceSettings, development: bool) -> Result<Self, ConfigError> {
        let buffer_bytes = settings.buffer_bytes.unwrap_or(BUFFER_BYTES);
        let in_range = Some(buffer_bytes).filter(|bytes| BUFFER_BYTES_RANGE.contains(bytes));
        let Some(buffer_bytes) = in_range.and_then(|bytes| usize::try_from(bytes).ok()) else {
            return Err(ConfigError::new(format!(
                "`live_trace.buffer_bytes` is {buffer_bytes}. It must be a number of bytes from 65536 to 1073741824."
            )));
        };
        Ok(Self {
            enabled: settings.enabled.unwrap_or(true),
            buffer_bytes,
            payloads: settings.payloads.unwrap_or(development),
            categories: settings.categories.clone().unwrap_or_else(|| Category::ALL.to_vec()),
        })
    }

    pub(super) fn effective(&self) -> LiveTraceSettings {
        LiveTraceSettings {
            enabled: Some(self.enabled),
            buffer_bytes: i64::try_from(self.buffer_bytes).ok(),
            payloads: Some(self.payloads),
            categories: Some(self.categories.clone()),
        }
    }
}

/// Resource logs: a record a line in the form of Azure's (operations.md §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceLogs {
    /// What is written.
    pub categories: Vec<Category>,
    /// Where to.
    pub output: LogOutput,
    /// `resourceId` of the records.
    pub resource_id: String,
    /// `location` of the records.
    pub location: String,
}

/// Where resource logs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// A file, and older ones beside it.
    File {
        /// The file that is written.
        file: PathBuf,
        /// After so many bytes a new one is begun.
        bytes_max: u64,
        /// So many are kept, the one that is written included.
        files_max: usize,
    },
}

impl ResourceLogs {
    /// `None`: nothing is written.
    ///
    /// # Errors
    /// Settings without a file, one that cannot be there, or a number out of its range.
    pub(super) fn new(settings: &ResourceLogSettings) -> Result<Option<Self>, ConfigError> {
        let Some(file) = &settings.file else {
            return if *settings == ResourceLogSettings::default() {
                Ok(None)
            } else {
                Err(ConfigError::new(
                    "`resource_logs` does not say where the logs go. Set `resource_logs.file` to a file or to \"stdout\".",
                ))
            };
        };
        let (bytes_max, files_max) =
            (settings.file_bytes.unwrap_or(FILE_BYTES), settings.files.unwrap_or(FILES));
        if bytes_max < FILE_BYTES_MIN {
            return Err(ConfigError::new(format!(
                "`resource_logs.file_bytes` is {bytes_max}. It must be at least {FILE_BYTES_MIN}."
            )));
        }
        if !FILES_RANGE.contains(&files_max) {
            return Err(ConfigError::new(format!(
                "`resource_logs.files` is {files_max}. It must be between 1 and 1000."
            )));
        }
        let output = if file.as_os_str() == STDOUT {
            LogOutput::Stdout
        } else {
            check_file(file)?;
            LogOutput::File { file: file.clone(), bytes_max, files_max }
        };
        Ok(Some(Self {
            categories: settings.categories.clone().unwrap_or_else(|| Category::ALL.to_vec()),
            output,
            resource_id: settings.resource_id.clone().unwrap_or_else(|| RESOURCE_ID.to_owned()),
            location: settings.location.clone().unwrap_or_else(|| LOCATION.to_owned()),
        }))
    }

    pub(super) fn effective(&self) -> ResourceLogSettings {
        let (file, file_bytes, files) = match &self.output {
            LogOutput::Stdout => (STDOUT.into(), None, None),
            LogOutput::File { file, bytes_max, files_max } => {
                (file.clone(), Some(*bytes_max), Some(*files_max))
            }
        };
        ResourceLogSettings {
            categories: Some(self.categories.clone()),
            file: Some(file),
            file_bytes,
            files,
            resource_id: Some(self.resource_id.clone()),
            location: Some(self.location.clone()),
        }
    }
}

/// Whether there can be a file of resource logs.
fn check_file(file: &Path) -> Result<(), ConfigError> {
    if file.as_os_str().is_empty() {
        return Err(ConfigError::new("`resource_logs.file` is empty. Set it to a file or to \"stdout\"."));
    }
    if file.is_dir() {
        return Err(ConfigError::new(format!(
            "`resource_logs.file` is {}, which is a folder. Name a file in it, such as {}.",
            file.display(),
            file.join("resource-logs.jsonl").display()
        )));
    }
    // What is put aside when it is full has to be a file of ours: a device must not be renamed, and opening a pipe waits.
    if file.starts_with("/dev") || (file.exists() && !file.is_file()) {
        return Err(ConfigError::new(format!(
            "`resource_logs.file` is {}, which is no regular file. Set it to one, or to \"stdout\".",
            file.display()
        )));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(ConfigError::new(format!(
            "The folder {} of `resource_logs.file` does not exist. Create it, or choose another one.",
            folder.display()
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};

    fn config(text: &str) -> Result<Config, String> {
        let settings = Settings::from_toml(text).map_err(|error| error.to_string())?;
        Config::new(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults() {
        let config = config("").unwrap();
        let all = Category::ALL.to_vec();
        let expected =
            LiveTrace { enabled: true, buffer_bytes: 8 << 20, payloads: true, categories: all.clone() };
        assert_eq!(config.live_trace, expected);
        assert_eq!((config.resource_logs, config.log_format), (None, LogFormat::Text));
        let keys = "production = true\n[auth]\naccess_keys = [\"0123456789abcdef0123456789abcdef\"]\n";
        assert!(!self::config(keys).unwrap().live_trace.payloads, "only in development mode");
        let logs = self::config("[resource_logs]\nfile = \"r.log\"\n").unwrap().resource_logs.unwrap();
        let output = LogOutput::File { file: "r.log".into(), bytes_max: 64 << 20, files_max: 5 };
        assert_eq!((logs.output, logs.categories), (output, all));
        let logs = self::config("[resource_logs]\nfile = \"stdout\"\ncategories = [\"MessagingLogs\"]\n");
        let logs = logs.unwrap().resource_logs.unwrap();
        assert_eq!((logs.output, logs.categories), (LogOutput::Stdout, vec![Category::MessagingLogs]));
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        let text = "log_format = \"json\"\n[live_trace]\nenabled = false\ncategories = [\"HttpRequestLogs\"]\n\
                    [resource_logs]\nfile = \"r.log\"\nfiles = 2\n";
        let shown = |text: &str| {
            let settings = config(text).unwrap().effective();
            // Keys are masked, so they cannot be read back.
            Settings { auth: Default::default(), ..settings }
        };
        let first = shown(text);
        let second = shown(&toml::to_string(&first).unwrap());
        assert_eq!(first, second);
        assert_eq!((first.live_trace.enabled, first.resource_logs.unwrap().files), (Some(false), Some(2)));
    }

    #[test]
    fn mistakes_say_what_to_change() {
        for (text, part) in [
            ("[live_trace]\nbuffer_bytes = 1", "a number of bytes from 65536 to 1073741824"),
            ("[live_trace]\nbuffer_bytes = -1", "is -1. It must be a number of bytes from 65536"),
            ("[resource_logs]\nfile = \"\"", "`resource_logs.file` is empty"),
            ("[resource_logs]\nfile = \"src\"", "is src, which is a folder"),
            ("[resource_logs]\nfile = \"/dev/stdout\"", "no regular file. Set it to one, or to \"stdout\""),
            (
                "[resource_logs]\nfile = \"none/f\"",
                "The folder none of `resource_logs.file` does not exist. Create it",
            ),
            ("[live_trace]\ncategories = [\"MesagingLogs\"]", "Did you mean `MessagingLogs`?"),
            ("[live_trace]\nenable = true", "Did you mean `enabled`?"),
            ("[resource_logs]\nfiles = 3", "does not say where the logs go"),
            ("[resource_logs]\nfile = \"f\"\nfiles = 0", "between 1 and 1000"),
            ("[resource_logs]\nfile = \"f\"\nfile_bytes = 9", "at least 4096"),
            ("log_format = \"jsn\"", "Did you mean `json`?"),
        ] {
            let error = config(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
