use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::config::Settings;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A data folder that goes with its value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("hublet-hubs-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config(text: &str) -> Config {
    Config::new(&Settings::from_toml(text).expect("readable settings")).expect("a good configuration")
}

/// The names of the hubs at each change, with an `!` behind those with anonymous clients.
type Log = Arc<Mutex<Vec<String>>>;

fn open(folder: &Path, config: &Config) -> io::Result<(Arc<Hubs>, Arc<Upstream>, Log)> {
    let upstream = Upstream::new(config.environment.clone())?;
    let log = Log::default();
    let on_change = {
        let log = Arc::clone(&log);
        move |rules: &RulesByHub| {
            let names =
                rules.iter().map(|(hub, rules)| format!("{hub}{}", if rules.anonymous { "!" } else { "" }));
            let mut names: Vec<String> = names.collect();
            names.sort_unstable();
            log.lock().unwrap().push(names.join(" "));
        }
    };
    let hubs = Hubs::new(config, Store::at(folder), Arc::clone(&upstream), Box::new(on_change))?;
    Ok((hubs, upstream, log))
}

fn settings(json: &str) -> HubSettings {
    HubSettings::from_json(json.as_bytes()).expect("settings")
}

fn put(hubs: &Hubs, hub: &str, json: &str) -> Result<bool, Refusal> {
    let rules = hubs.check(hub, settings(json))?;
    hubs.put(hub, &rules)
}

const ANONYMOUS: &str = r#"{"anonymousConnectPolicy": "allow"}"#;

#[test]
fn hubs_are_kept() {
    let folder = Folder::new();
    let config = config("[hubs.File]\n");
    {
        let (hubs, upstream, log) = open(&folder.0, &config).unwrap();
        assert_eq!(hubs.list(), [("file".to_owned(), Source::File)]);
        assert!(put(&hubs, "chat", ANONYMOUS).unwrap());
        assert!(!put(&hubs, "chat", "{}").unwrap(), "it is there already");
        assert!(put(&hubs, "a", ANONYMOUS).unwrap());
        assert!(upstream.rules("a").unwrap().anonymous && !upstream.rules("chat").unwrap().anonymous);
        assert!(put(&hubs, "gone", "{}").unwrap());
        assert!(hubs.delete("gone").unwrap() && !hubs.delete("gone").unwrap());
        assert!(hubs.get("gone").is_none() && upstream.rules("gone").is_none());
        let expected =
            ["file", "chat! file", "chat file", "a! chat file", "a! chat file gone", "a! chat file"];
        assert_eq!(*log.lock().unwrap(), expected);
    }
    let (hubs, upstream, log) = open(&folder.0, &config).unwrap();
    assert_eq!(*log.lock().unwrap(), ["a! chat file"]);
    assert!(hubs.get("a").unwrap().anonymous && upstream.rules("a").unwrap().anonymous);
    let list = [("a", Source::Api), ("chat", Source::Api), ("file", Source::File)];
    assert_eq!(hubs.list(), list.map(|(hub, source)| (hub.to_owned(), source)));
}

#[test]
fn the_file_goes_before_the_data_folder() {
    let folder = Folder::new();
    let (hubs, ..) = open(&folder.0, &config("")).unwrap();
    put(&hubs, "chat", ANONYMOUS).unwrap();
    // The hub comes into the file, and goes again.
    let changes = hubs.reload_file(&config("[hubs.Chat]\n[hubs.new]\n")).unwrap();
    assert_eq!(changes.to_string(), "added new; changed chat");
    assert!(!hubs.get("chat").unwrap().anonymous);
    for refusal in [put(&hubs, "chat", "{}"), hubs.delete("chat")] {
        assert!(matches!(refusal, Err(Refusal::ReadOnly(hub)) if hub == "chat"));
    }
    let changes = hubs.reload_file(&config("")).unwrap();
    assert_eq!(changes.to_string(), "changed chat; removed new");
    assert!(hubs.get("chat").unwrap().anonymous);
    drop(hubs);
    let (hubs, ..) = open(&folder.0, &config("[hubs.chat]\n")).unwrap();
    assert_eq!(
        hubs.find("chat").map(|(source, rules)| (source, rules.anonymous)),
        Some((Source::File, false))
    );
}

#[test]
fn what_did_not_change_stays_the_same() {
    const SECRET: &str = "[secrets]\n\"https://v/s\" = \"SECRET\"\n";
    let folder = Folder::new();
    let text = "[[hubs.a.eventHandlers]]\nurlTemplate = \"http://h/?{@Microsoft.KeyVault(SecretUri=https://v/s)}\"\n[hubs.b]\n";
    let (hubs, ..) = open(&folder.0, &config(&format!("{SECRET}{text}"))).unwrap();
    put(&hubs, "c", ANONYMOUS).unwrap();
    let before: Vec<_> = ["a", "b", "c"].map(|hub| hubs.get(hub).unwrap()).into();
    let same = |hub: &str, index: usize| Arc::ptr_eq(&hubs.get(hub).unwrap(), &before[index]);

    assert!(hubs.reload_file(&config(&format!("{text}{SECRET}"))).unwrap().is_empty());
    assert!(same("a", 0) && same("b", 1) && same("c", 2));
    let changes = hubs.reload_file(&config(&format!("{text}{}", SECRET.replace("SECRET", "x")))).unwrap();
    assert_eq!(changes.to_string(), "changed a", "its secret did");
    assert!(same("b", 1) && same("c", 2));

    // The secret is needed by a hub of the data folder.
    let url =
        r#"{"eventHandlers": [{"urlTemplate": "http://h/{@Microsoft.KeyVault(SecretUri=https://v/s)}"}]}"#;
    put(&hubs, "d", url).unwrap();
    let error = hubs.reload_file(&config("[hubs.b]\n")).expect_err("it is gone").to_string();
    assert!(error.starts_with("The settings of the hub \"d\" in the data folder do not fit"), "{error}");
    assert!(hubs.get("a").is_some() && hubs.get("d").is_some(), "nothing was changed");
}

#[test]
fn a_restart_may_be_needed_first() {
    let folder = Folder::new();
    let (hubs, ..) = open(&folder.0, &config("[hubs.b]\n")).unwrap();
    let text = "[upstream]\nallowed_networks = [\"private\"]\n[[hubs.a.eventHandlers]]\nurlTemplate = \"http://10.0.0.1/\"\n";
    let error = hubs.reload_file(&config(text)).expect_err("the networks are those of the start").to_string();
    assert!(
        error.contains("In the hub \"a\", `eventHandlers[0].urlTemplate`: The address 10.0.0.1"),
        "{error}"
    );
    assert_eq!(hubs.list(), [("b".to_owned(), Source::File)]);
}

#[test]
fn settings_that_no_longer_fit_stop_the_start() {
    let folder = Folder::new();
    let handler = r#"{"eventHandlers": [{"urlTemplate": "http://localhost/"}]}"#;
    let (hubs, ..) = open(&folder.0, &config("")).unwrap();
    put(&hubs, "chat", handler).unwrap();
    drop(hubs);
    let production = "production = true\n[auth]\naccess_keys = [\"0123456789abcdef0123456789abcdef\"]\n";
    let error = open(&folder.0, &config(production)).map(drop).expect_err("it is on loopback").to_string();
    assert!(error.contains("\"chat\" in the data folder") && error.contains("write [hubs.chat]"), "{error}");
    assert!(open(&folder.0, &config(&format!("{production}[hubs.chat]\n"))).is_ok());
}

#[test]
fn limits() {
    let folder = Folder::new();
    let file = r#"{"eventListeners": [{"endpoint": {"type": "File", "path": "f"}}]}"#;
    let listeners = |count: usize| {
        let listener = r#"{"endpoint": {"type": "Nats", "url": "nats://h"}}"#;
        format!(r#"{{"eventListeners": [{}]}}"#, vec![listener; count].join(","))
    };
    let five = "[[hubs.f.eventListeners]]\nendpoint = { type = \"File\", path = \"f\" }\n".repeat(5);
    let (hubs, ..) = open(&folder.0, &config(&five)).unwrap();
    let error = |refusal: Result<bool, Refusal>| refusal.expect_err("it is refused").to_string();
    assert!(
        error(put(&hubs, "a", file))
            .starts_with("`eventListeners[0].endpoint.type`: Listeners that write files")
    );
    put(&hubs, "a", &listeners(5)).unwrap();
    put(&hubs, "a", &listeners(4)).unwrap();
    assert!(
        error(put(&hubs, "b", &listeners(2))).contains("There are 11 event listeners in all hubs together")
    );
    assert!(hubs.reload_file(&config(&five.repeat(2))).is_err());
    assert!(hubs.get("b").is_none());

    let large = format!(r#"{{"chat": {{"text": "{}"}}}}"#, "x".repeat(SETTINGS_BYTES_MAX));
    assert!(error(put(&hubs, "c", &large)).contains("At most 262144 are kept"));
}

#[test]
fn secrets_stay_in_the_store() {
    let folder = Folder::new();
    let header = |value: &str| {
        format!(
            r#"{{"eventHandlers": [{{"urlTemplate": "http://h/",
                "auth": {{"type": "Header", "header": {{"name": "X-Key", "value": "{value}"}}}}}}]}}"#
        )
    };
    let (hubs, ..) = open(&folder.0, &config("")).unwrap();
    assert!(put(&hubs, "chat", &header("***")).is_err(), "there is no secret yet");
    put(&hubs, "chat", &header("secret")).unwrap();
    put(&hubs, "chat", &header("***")).unwrap();
    drop(hubs);
    let (hubs, ..) = open(&folder.0, &config("")).unwrap();
    assert_eq!(hubs.get("chat").unwrap().settings, settings(&header("secret")));
}
