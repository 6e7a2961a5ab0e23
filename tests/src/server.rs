//! The built binary as a process of its own: one a test, with a free port and a data folder of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hublet_client::{ClientAccess, ConnectionString};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::raw::PATIENCE;

/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(5);
/// Lines of the log that a failing test shows.
const SHOWN: usize = 40;

/// A running service. It is killed when the test ends before it does.
#[derive(Debug)]
pub struct Server {
    child: Child,
    folder: Folder,
    banner: Vec<(String, String)>,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts the service in development mode on a free port.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with further arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        Self::start_in(new_folder(), &[&["--listen", "127.0.0.1:0"], arguments].concat(), &[])
    }

    /// Starts it with this `hublet.toml` and further arguments.
    ///
    /// # Panics
    /// When it does not come up; the message has its log.
    pub fn start_with_file(file: &str, arguments: &[&str]) -> Self {
        let folder = new_folder();
        std::fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
        Self::start_in(folder, &[&["--listen", "127.0.0.1:0"], arguments].concat(), &[])
    }

    /// Starts it in a folder, with these arguments and environment variables alone.
    ///
    /// # Panics
    /// When it does not come up; the message has its log.
    pub fn start_in(folder: Folder, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = command(&folder)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `cargo build --workspace`", binary().display()));
        let log = Arc::new(Mutex::new(String::new()));
        let log_reader = child.stderr.take().map(|stderr| collect(stderr, Arc::clone(&log)));
        let mut banner = Vec::new();
        let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            let (name, value) = line.split_at(line.len().min(18));
            banner.push((name.trim().to_owned(), value.trim().to_owned()));
            // The last line that is always there.
            if name.trim() == "data" {
                break;
            }
        }
        let server = Self { child, folder, banner, log, log_reader };
        assert!(server.facts("endpoint").next().is_some(), "the service did not start:\n{}", server.log());
        server
    }

    /// What the service printed under a name when it started.
    pub fn facts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.banner.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        self.facts("endpoint").find_map(|url| url.strip_prefix("http://")).expect("a plain endpoint")
    }

    /// The connection string that the service printed.
    pub fn connection_string(&self) -> &str {
        self.facts("connection string").next().expect("a connection string")
    }

    /// The connection string, to sign with.
    pub fn service(&self) -> ConnectionString {
        self.connection_string().parse().expect("a valid connection string")
    }

    /// The connection string for the endpoint with TLS.
    pub fn secure_service(&self) -> ConnectionString {
        let text = self.facts("connection string").find(|text| text.contains("https://"));
        text.expect("a TLS endpoint").parse().expect("a valid connection string")
    }

    /// The authority to trust under TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("hublet-data/tls/ca.pem")
    }

    /// A client access URL.
    pub fn client_url(&self, hub: &str, user: Option<&str>, roles: &[&str], groups: &[&str]) -> String {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (roles, groups) = (owned(roles), owned(groups));
        let access = ClientAccess { user, roles: &roles, groups: &groups, ..ClientAccess::new(hub) };
        self.service().client_access(&access).expect("a valid hub").url()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder it runs in, with its data folder `hublet-data`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the log has this: it comes by another way than what a client sees.
    ///
    /// # Panics
    /// When it does not come.
    pub fn expect_log(&self, text: &str) {
        let begun = Instant::now();
        while !self.log().contains(text) {
            assert!(begun.elapsed() < PATIENCE, "the log has no {text:?}:\n{}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        // A process that has ended is still there until it is waited for.
        kill_process(pid, signal).expect("a process that nobody has waited for");
    }

    /// Lets it write no file beyond so many bytes, as if the disk was full.
    pub fn limit_files(&self, bytes: u64) {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).expect("a lower limit");
    }

    /// Waits until the process ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("a process to wait for");
        if let Some(reader) = self.log_reader.take() {
            reader.join().expect("the log is read to its end");
        }
        status
    }

    /// Waits until it ends by itself, at most this long; `None`: it runs on.
    pub fn wait_at_most(&mut self, limit: Duration) -> Option<ExitStatus> {
        let (ended, receiver) = std::sync::mpsc::channel::<()>();
        let pid = Pid::from_child(&self.child);
        let watchdog = std::thread::spawn(move || {
            if receiver.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                // Then it ends now, and `wait` returns with the signal.
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        let status = self.wait();
        drop(ended);
        watchdog.join().expect("the watchdog ends");
        status.code().map(|_| status)
    }

    /// Stops the service and returns its folder, for another one to start in.
    pub fn stop_and_take_folder(self) -> Folder {
        self.signal(Signal::TERM);
        self.wait_and_take_folder()
    }

    /// Waits until the service, which was told to stop, ends, and returns its folder.
    pub fn wait_and_take_folder(mut self) -> Folder {
        self.wait();
        std::mem::take(&mut self.folder)
    }

    /// Kills the service and returns its folder, for another one to start in.
    pub fn kill_and_take_folder(mut self) -> Folder {
        self.signal(Signal::KILL);
        self.wait();
        std::mem::take(&mut self.folder)
    }

    /// Stops the service and returns its folder, and everything it logged.
    pub fn stop_and_take_folder_and_log(mut self) -> (Folder, String) {
        self.signal(Signal::TERM);
        self.wait();
        (std::mem::take(&mut self.folder), self.log())
    }

    /// Stops the service and returns everything it logged.
    pub fn stop_and_take_log(mut self) -> String {
        self.signal(Signal::TERM);
        self.wait();
        self.log()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default();
            eprint_all(&shown.join("\n"));
        }
    }
}

#[expect(clippy::print_stderr, reason = "the test harness shows it with the failure")]
fn eprint_all(log: &str) {
    eprintln!("the end of the service's log:\n{log}");
}

/// The binary, started in a folder without any variable that it knows from outside.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let is_ours = name.to_str().is_some_and(|name| {
            name.starts_with("HUBLET_")
                || name.starts_with("OTEL_")
                || name.eq_ignore_ascii_case("WebPubSubConnectionString")
        });
        if is_ours {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

/// A folder that belongs to one test and goes with it.
#[derive(Debug, Default)]
pub struct Folder(PathBuf);

/// A new folder.
///
/// # Panics
/// When it cannot be made.
pub fn new_folder() -> Folder {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("hublet-test-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    Folder(folder)
}

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A program that is still being killed may write to it; then it stays.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The binary lies two folders above the test programs.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test program");
    test.ancestors().nth(2).expect("a target folder").join("hublet")
}

fn collect(stream: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    })
}
