//! Starting the servers to measure, each alone on its core.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The well-known key of development mode.
const ACCESS_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const START_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Hublet,
    Node,
    Tungstenite,
    HyperJwt,
}

/// Where the built programs are.
pub(super) struct Programs {
    pub(super) hublet: PathBuf,
    pub(super) tungstenite: PathBuf,
    pub(super) hyper_jwt: PathBuf,
    pub(super) node: PathBuf,
}

impl Programs {
    /// Starts a server on a free port and waits until it takes connections.
    pub(super) fn start(&self, kind: Kind) -> Result<Running> {
        let port = free_port()?;
        let data = std::env::temp_dir().join(format!("hublet-bench-{}-{port}", std::process::id()));
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]);
        match kind {
            Kind::Hublet => {
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
        // Clients that are cut off at the end of a run are no news.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("cannot start a server")?;
        let mut running = Running { child, kind, port, data };
        running.wait_until_ready()?;
        Ok(running)
    }
}

/// A server that is stopped when this goes.
pub(super) struct Running {
    child: Child,
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
            Kind::Hublet | Kind::HyperJwt => command.env(
                "HUBLET_CONNECTION_STRING",
                format!("Endpoint=http://127.0.0.1:{port};AccessKey={ACCESS_KEY};Version=1.0;"),
            ),
            Kind::Node | Kind::Tungstenite => command.args(["--url", &format!("ws://127.0.0.1:{port}/")]),
        };
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let end = Instant::now() + START_TIMEOUT;
        while Instant::now() < end {
            if TcpStream::connect_timeout(&address, START_TIMEOUT).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("a server ended with {status} instead of listening");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("a server did not listen within {} s", START_TIMEOUT.as_secs())
    }
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
