//! Starting the servers to measure, each alone on its core.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The well-known key of development mode.
const ACCESS_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const START_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Hublet,
    /// With an event handler for the hub of the load generator.
    HubletWithHandler,
    Node,
    Tungstenite,
    HyperJwt,
}

/// Where the built programs are.
pub(super) struct Programs {
    pub(super) hublet: PathBuf,
    pub(super) tungstenite: PathBuf,
    pub(super) hyper_jwt: PathBuf,
    pub(super) hyper_echo: PathBuf,
    pub(super) node: PathBuf,
}

impl Programs {
    /// Starts a server on a free port and waits until it takes connections.
    pub(super) fn start(&self, kind: Kind) -> Result<Running> {
        let port = free_port()?;
        let data = std::env::temp_dir().join(format!("hublet-bench-{}-{port}", std::process::id()));
        let handler = match kind {
            Kind::HubletWithHandler => Some(self.start_handler(&data)?),
            _ => None,
        };
        let mut command = on_core("0");
        match kind {
            Kind::Hublet | Kind::HubletWithHandler => {
                if handler.is_some() {
                    command.env("HUBLET_CONFIG", data.join("hublet.toml"));
                }
                command.arg(&self.hublet).args(["--listen", &format!("127.0.0.1:{port}"), "--shards", "1"]);
                command.arg("--data").arg(&data);
            }
            Kind::Node => {
                command.arg("node").arg(&self.node).arg(port.to_string());
            }
            Kind::Tungstenite => {
                command.arg(&self.tungstenite).arg(port.to_string());
            }
            Kind::HyperJwt => {
                command.arg(&self.hyper_jwt).args([&port.to_string(), ACCESS_KEY]);
            }
        }
        let child = quiet(&mut command).spawn().context("cannot start a server")?;
        let mut running = Running { child, handler, kind, port, data };
        wait_until_ready(&mut running.child, port)?;
        Ok(running)
    }

    /// Starts an event handler, and writes a configuration that names it.
    fn start_handler(&self, data: &Path) -> Result<Handler> {
        let port = free_port()?;
        std::fs::create_dir_all(data)?;
        let settings = format!(
            "[[hubs.bench.eventHandlers]]\nurlTemplate = \"{}\"\nuserEventPattern = \"*\"\n",
            handler_url(port)
        );
        std::fs::write(data.join("hublet.toml"), settings)?;
        let mut command = on_core("1");
        command.arg(&self.hyper_echo).arg(port.to_string());
        let child = quiet(&mut command).spawn().context("cannot start an event handler")?;
        let mut handler = Handler { child, port };
        wait_until_ready(&mut handler.child, port)?;
        Ok(handler)
    }
}

fn on_core(core: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]);
    command
}

/// Clients that are cut off at the end of a run are no news.
fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

fn handler_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/eventhandler")
}

/// An event handler that is stopped when this goes.
struct Handler {
    child: Child,
    port: u16,
}

impl Drop for Handler {
    fn drop(&mut self) {
        // A failure means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that is stopped when this goes.
pub(super) struct Running {
    child: Child,
    handler: Option<Handler>,
    kind: Kind,
    port: u16,
    data: PathBuf,
}

impl Running {
    /// taskset becomes the server, so its id is the server's.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Tells the load generator where the server is.
    pub(super) fn address(&self, command: &mut Command) {
        let port = self.port;
        match self.kind {
            Kind::Hublet | Kind::HubletWithHandler | Kind::HyperJwt => command.env(
                "HUBLET_CONNECTION_STRING",
                format!("Endpoint=http://127.0.0.1:{port};AccessKey={ACCESS_KEY};Version=1.0;"),
            ),
            Kind::Node | Kind::Tungstenite => command.args(["--url", &format!("ws://127.0.0.1:{port}/")]),
        };
    }

    /// Where the hub's event handler is; empty without one.
    pub(super) fn handler_url(&self) -> String {
        self.handler.as_ref().map(|handler| handler_url(handler.port)).unwrap_or_default()
    }
}

fn wait_until_ready(child: &mut Child, port: u16) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let end = Instant::now() + START_TIMEOUT;
    while Instant::now() < end {
        if TcpStream::connect_timeout(&address, START_TIMEOUT).is_ok() {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("a server ended with {status} instead of listening");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("a server did not listen within {} s", START_TIMEOUT.as_secs())
}

impl Drop for Running {
    fn drop(&mut self) {
        // A failure means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
