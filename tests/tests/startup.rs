//! How the service starts: what it prints, where its settings come from, its access keys, and what keeps it from
//! starting.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use hublet_client::ConnectionString;
use hublet_tests::once::{self, Ended};
use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::token::{DEVELOPMENT_KEY, OTHER_KEY, OWN_KEY, now_s, signed};
use hublet_tests::{Folder, JSON, Server, command, http, new_folder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

const LOOPBACK: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// Runs the binary in a folder to its end.
fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    once::run(command(folder).args(arguments).envs(environment.iter().copied()), "")
}

/// A folder with this `hublet.toml`.
fn folder_with(file: &str) -> Folder {
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
    folder
}

#[test]
fn the_banner_has_all_that_a_first_client_needs() {
    let folder = new_folder();
    let mut program = Program::start("hublet", command(&folder).args(LOOPBACK));
    program.expect(concat!("hublet ", env!("CARGO_PKG_VERSION"), ", development mode"));
    let endpoint = program.expect_start("endpoint           ");
    assert!(endpoint.starts_with("http://127.0.0.1:"), "{endpoint}");
    program.expect(&format!("portal             {endpoint}/portal/"));
    let service = format!("Endpoint={endpoint};AccessKey={DEVELOPMENT_KEY};Version=1.0;");
    program.expect(&format!("connection string  {service}"));
    let url = program.expect_start("client access URL  ");
    program.expect("data               hublet-data");
    // As it is printed: the service is not where commands look for it by themselves.
    program.expect(&format!("try it             hublet connect --hub chat --connection-string '{service}'"));
    // The URL works, with the roles that the example in the README needs.
    let mut client = RawClient::connect(&url, JSON);
    assert!(client.next_text().contains(r#""userId":"me""#));
    client.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
    client.send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"hello"}"#);
    assert!(client.next_text().contains("hello"));
    assert!(!folder.join("hublet-data").exists(), "nothing to keep yet");
}

#[test]
fn the_banner_of_production_with_tls() {
    let folder = new_folder();
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--tls-listen",
        "127.0.0.1:0",
        "--public-endpoint",
        "https://ws.example.com",
    ];
    let mut program =
        Program::start("hublet", command(&folder).args(arguments).env("HUBLET_ACCESS_KEYS", OWN_KEY));
    program.expect(concat!("hublet ", env!("CARGO_PKG_VERSION"), ", production mode"));
    program.expect_start("endpoint           http://127.0.0.1:");
    program.expect_start("endpoint           https://127.0.0.1:");
    program.expect("public endpoint    https://ws.example.com");
    program.expect("portal             https://ws.example.com/portal/");
    program.expect("trust for Node     NODE_EXTRA_CA_CERTS=hublet-data/tls/ca.pem");
    program.expect(
        "trust for Python   SSL_CERT_FILE=hublet-data/tls/ca.pem REQUESTS_CA_BUNDLE=hublet-data/tls/ca.pem",
    );
    program.expect("trust for Java     see docs/tls.md");
    program.expect("data               hublet-data");
    assert!(folder.join("hublet-data/tls/ca.pem").exists());
}

#[test]
fn keys_are_made_once_and_shown_once() {
    let production = [&LOOPBACK[..], &["--production", "--log", "trace"]].concat();
    let first = Server::start_in(new_folder(), &production, &[]);
    let service = first.service();
    assert_eq!(first.facts("connection string").count(), 1);
    assert_eq!(first.facts("client access URL").count(), 0);
    let file = first.folder().join("hublet-data/access-keys");
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&first.folder().join("hublet-data"))), (0o600, 0o700));
    let text = std::fs::read_to_string(&file).expect("the keys");
    let keys: Vec<&str> = text.lines().collect();
    assert_eq!((keys.len(), keys[0]), (2, service.access_key()));
    assert_ne!(keys[0], keys[1]);
    assert!(keys.iter().all(|key| key.len() >= 32 && *key != DEVELOPMENT_KEY));
    // Both sign, and the one that everybody knows does not.
    let statuses = |server: &Server| {
        [keys[0], keys[1], DEVELOPMENT_KEY].map(|key| {
            let aud = format!("http://{}/client/hubs/chat", server.authority());
            let token = signed(key, &json!({"aud": aud, "exp": now_s() + 60}));
            http::handshake(server, &format!("/client/hubs/chat?access_token={token}"), &[]).status
        })
    };
    assert_eq!(statuses(&first), [101, 101, 401]);
    let mut log = first.log();
    let second = Server::start_in(first.stop_and_take_folder(), &production, &[]);
    assert_eq!(second.facts("connection string").count(), 0, "shown the first time only");
    assert_eq!(statuses(&second), [101, 101, 401]);
    log += &second.stop_and_take_log();
    assert!(!log.is_empty() && keys.iter().all(|key| !log.contains(key)), "no key is in a log");
}

#[test]
fn keys_of_a_start_that_failed_are_shown_by_the_next() {
    let folder = new_folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    assert_eq!(run(&folder, &["--production", "--listen", &address], &[]).code, Some(1));
    assert_eq!(run(&folder, &["check-config", "--production"], &[]).code, Some(0));
    assert_eq!(run(&folder, &["--production", "--shards", "0"], &[]).code, Some(2));
    let server = Server::start_in(folder, &[&LOOPBACK[..], &["--production"]].concat(), &[]);
    assert_eq!(server.facts("connection string").count(), 1);
    assert_eq!(http::head(&server, "/api/hubs/chat/users/nobody").status, 404, "and they are good");
}

#[test]
fn an_address_in_use_is_named() {
    let folder = new_folder();
    let other = Server::start();
    for arguments in [&["--listen", other.authority()][..], &["--shards", "1", "--listen", other.authority()]]
    {
        let ended = run(&folder, arguments, &[]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
        let (what, hint) = ended.error.split_once('\n').expect("two lines");
        assert!(
            what.starts_with(&format!("error: The service cannot start: {}: ", other.authority())),
            "{what}"
        );
        assert!(hint.starts_with("  Another program listens there, perhaps another hublet"), "{hint}");
        assert!(hint.contains("--listen"), "{hint}");
    }
    assert_eq!(http::request(&other, "GET", "/health", &[], b"").status, 200, "the first one goes on");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let folder = new_folder();
    std::fs::write(folder.join("file"), "").expect("a file");
    let ended = run(&folder, &[&LOOPBACK[..], &["--production", "--data", "file/data"]].concat(), &[]);
    assert!(ended.code == Some(1) || ended.code == Some(2), "{ended:?}");
    assert_eq!(ended.out, "");
    assert!(ended.error.contains("file/data"), "{}", ended.error);
}

#[test]
fn mistakes_in_the_configuration_file_are_named_with_their_place() {
    for (file, parts) in [
        (
            "data = \"d\"\nlistenn = []\n",
            &["hublet.toml: line 2, column 1", "`listenn`", "Did you mean `listen`?"][..],
        ),
        ("[limits]\nmessage_byte = 1\n", &["line 2", "Did you mean `message_bytes`?"]),
        ("[hubs.chat]\nanonymousConnectPolicy = \"alow\"\n", &["line 2", "Did you mean `allow`?"]),
        ("shards = \"two\"\n", &["line 1, column 10", "invalid type"]),
        ("shards = 65\n", &["between 1 and 64"]),
        ("listen = [\"8080\"]\n", &["\"8080\" in `listen` is not an address"]),
        ("[auth]\naccess_keys = [\"not-so-secret-key\"]\n", &["too short"]),
        ("[auth]\naccess_keys = [\"not-so-secret-key\" oops]\n", &["line 2"]),
        ("[auth\n", &["line 1"]),
        ("[resource_logs]\nfile = \"\"\n", &["`resource_logs.file` is empty"]),
        ("[resource_logs]\nfile = \".\"\n", &["which is a folder"]),
        ("[resource_logs]\nfile = \"none/r.log\"\n", &["The folder none", "Create it"]),
        ("[live_trace]\nbuffer_bytes = -1\n", &["a number of bytes from 65536"]),
        (
            "listen = [\"127.0.0.1:9464\"]\n[metrics]\nlisten = [\"127.0.0.1:9464\"]\n",
            &["127.0.0.1:9464", "`metrics.listen`"],
        ),
    ] {
        let folder = folder_with(file);
        for command in ["serve", "check-config"] {
            let ended = run(&folder, &[command], &[]);
            assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{file}");
            assert!(ended.error.starts_with("error: "), "{}", ended.error);
            for part in parts {
                assert!(ended.error.contains(part), "{file}: {}", ended.error);
            }
            assert!(!ended.error.contains("not-so-secret-key"), "{}", ended.error);
        }
    }
}

#[test]
fn mistakes_elsewhere_are_named_too() {
    let folder = new_folder();
    let keys = format!("{DEVELOPMENT_KEY},{OWN_KEY}");
    for (arguments, environment, parts) in [
        (&[][..], &[("HUBLET_LISTENN", "x")][..], &["HUBLET_LISTENN", "Did you mean HUBLET_LISTEN?"][..]),
        (&[], &[("HUBLET_ACCESS_KEY", OWN_KEY)], &["HUBLET_ACCESS_KEY ", "HUBLET_ACCESS_KEYS"]),
        (&[], &[("HUBLET_SHARDS", "many")], &["many", "--shards"]),
        (
            &["--listen", "0.0.0.0:0"],
            &[("HUBLET_ACCESS_KEYS", &keys)],
            &["well-known development key", "0.0.0.0:0"],
        ),
        (
            &["--tls-listen", "[::]:0"],
            &[("HUBLET_ACCESS_KEYS", &keys)],
            &["well-known development key", "[::]:0"],
        ),
        (
            &["--production"],
            &[("HUBLET_ACCESS_KEYS", DEVELOPMENT_KEY)],
            &["well-known development key", "production"],
        ),
        (
            &["--public-endpoint", "https://ws.example.com"],
            &[("HUBLET_ACCESS_KEYS", &keys)],
            &["ws.example.com"],
        ),
        (&["--public-endpoint", "ws.example.com"], &[], &["is not the address of a service"]),
        (&["--config", "nowhere.toml"], &[], &["nowhere.toml", "cannot be read"]),
        (&["--log", "loud=="], &[], &["is not a filter for the log"]),
        (&["--log", "wran"], &[], &["\"wran\" is not a filter for the log"]),
        (&["--tls-cert", "cert.pem"], &[], &["tls.key"]),
        (&["--listne", "127.0.0.1:0"], &[], &["--listen"]),
    ] {
        let ended = run(&folder, arguments, environment);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?} {}", ended.error);
        for part in parts {
            assert!(ended.error.contains(part), "{arguments:?}: {}", ended.error);
        }
        assert!(!ended.error.contains(OWN_KEY) && !ended.error.contains(DEVELOPMENT_KEY), "{}", ended.error);
    }
    // What a platform sets is not a mistake.
    let ended = run(
        &folder,
        &["check-config"],
        &[("HUBLET_PORT", "tcp://10.0.0.1:80"), ("HUBLET_SERVICE_HOST", "h")],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.error);
}

#[test]
fn an_option_wins_over_a_variable_and_a_variable_over_the_file() {
    let file = "shards = 3\nlog = \"warn\"\n[limits]\nconnections_max = 7\nmessage_bytes = 2000\nhead_timeout_s = 3\n\
                [hubs.Open]\nanonymousConnectPolicy = \"allow\"\n";
    let folder = folder_with(file);
    let variables = [("HUBLET_SHARDS", "4"), ("HUBLET_LOG", "error"), ("HUBLET_MESSAGE_BYTES", "3000")];
    let ended = run(&folder, &["check-config", "--shards", "5", "--message-bytes", "4000"], &variables);
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""));
    for line in [
        "shards = 5",
        "log = \"error\"",
        "message_bytes = 4000",
        "connections_max = 7",
        "head_timeout_s = 3",
        "outgoing_queue_bytes = 4194304",
        "[hubs.open]",
        "production = false",
    ] {
        assert!(ended.out.lines().any(|known| known == line), "{line} in\n{}", ended.out);
    }
    // What is shown can be read again, and means the same but for the keys.
    std::fs::write(folder.join("again.toml"), ended.out.replace("\"***\"", &format!("{OWN_KEY:?}")))
        .expect("a file");
    let again = run(&folder, &["check-config", "--config", "again.toml"], &[]);
    assert_eq!((again.code, again.out), (Some(0), ended.out));
    // The file of the current folder is for the service, too.
    let server = Server::start_in(folder, &LOOPBACK, &[]);
    assert_eq!(http::handshake(&server, "/client/hubs/open", &[]).status, 101);
}

#[test]
fn what_the_file_turns_on_can_be_turned_off() {
    let folder = folder_with("production = true\n[tls]\n");
    let shown = |arguments: &[&str], variables: &[(&str, &str)]| {
        let ended = run(&folder, &[&["check-config"], arguments].concat(), variables);
        assert_eq!(ended.code, Some(0), "{}", ended.error);
        (ended.out.contains("production = true"), ended.out.contains("[tls]"))
    };
    assert_eq!(shown(&[], &[]), (true, true));
    assert_eq!(shown(&[], &[("HUBLET_PRODUCTION", "false"), ("HUBLET_TLS", "0")]), (false, false));
    assert_eq!(shown(&["--production=false", "--tls"], &[("HUBLET_TLS", "off")]), (false, true));
}

#[test]
fn keys_are_never_shown_by_check_config() {
    let folder = folder_with(&format!(
        "listen = [\"0.0.0.0:0\"]\n[auth]\naccess_keys = [{OWN_KEY:?}, {OTHER_KEY:?}]\n"
    ));
    for environment in [&[][..], &[("HUBLET_ACCESS_KEYS", OTHER_KEY)]] {
        let ended = run(&folder, &["check-config"], environment);
        assert_eq!(ended.code, Some(0), "{}", ended.error);
        assert!(ended.out.contains("***") && ended.out.contains("production = true"), "{}", ended.out);
        assert!(!ended.out.contains(OWN_KEY) && !ended.out.contains(OTHER_KEY), "{}", ended.out);
    }
    let server =
        Server::start_in(folder, &["--listen", "127.0.0.1:0", "--log", "trace", "--production"], &[]);
    let service = ConnectionString::new(&format!("http://{}", server.authority()), OTHER_KEY).expect("a key");
    let path = "/api/hubs/chat/users/u";
    let token = service.rest_token(&format!("http://{}{path}", server.authority()));
    assert_eq!(http::request(&server, "HEAD", path, &[&http::bearer(&token)], b"").status, 404);
    let log = server.stop_and_take_log();
    assert!(!log.is_empty() && !log.contains(OWN_KEY) && !log.contains(OTHER_KEY));
}

#[test]
fn a_service_whose_log_nobody_reads_goes_on() {
    let folder = new_folder();
    let mut child = command(&folder)
        .args([&LOOPBACK[..], &["--log", "trace"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    drop(child.stderr.take());
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let url = lines.find_map(|line| line.strip_prefix("client access URL  ").map(str::to_owned));
    drop(lines);
    let mut client = RawClient::connect(&url.expect("a URL"), JSON);
    client.expect_connected();
    client.expect_silence();
    kill_process(Pid::from_child(&child), Signal::TERM).expect("a process that nobody has waited for");
    client.next_text();
    client.expect_close(1012, "Service reloading, reconnect");
    assert_eq!(child.wait().expect("a process to wait for").code(), Some(0));
}

#[test]
fn a_durable_handler_needs_a_data_folder() {
    let folder = folder_with(
        "listen = [\"127.0.0.1:0\"]\ndata = \"/proc/nope\"\n[[hubs.chat.eventHandlers]]\n\
         urlTemplate = \"http://127.0.0.1:1/\"\nsystemEvents = [\"connected\"]\ndurable = true\n",
    );
    let ended = run(&folder, &["serve"], &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.error.contains("cannot start") && ended.error.contains("/proc/nope"), "{ended:?}");
    assert!(!ended.error.contains(".."), "{ended:?}");
}

#[test]
fn a_log_of_sessions_needs_a_data_folder_of_its_own() {
    let wal = "listen = [\"127.0.0.1:0\"]\nreliable.durability = \"wal\"\n";
    let folder = folder_with(&format!("data = \"/proc/nope\"\n{wal}"));
    let ended = run(&folder, &["serve"], &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.error.contains("cannot start") && ended.error.contains("/proc/nope"), "{ended:?}");
    assert!(ended.error.contains("reliable.durability") && !ended.error.contains(".."), "{ended:?}");
    // While one service has it, no other one may take its sessions up, whatever it would do with them.
    let server = Server::start_with_file(wal, &[]);
    for durability in ["wal", "restart"] {
        let text = format!("data = {:?}\n{wal}", server.folder().join("hublet-data"));
        let ended = run(&folder_with(&text.replace("wal", durability)), &["serve"], &[]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.error.contains("sessions is in use by another process. Stop"), "{ended:?}");
    }
}
