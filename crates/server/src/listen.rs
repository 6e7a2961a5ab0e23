//! Listening sockets: one per shard and address, so that the kernel spreads connections over the cores.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::http::{self, HttpContext};
use crate::stream::Stream;

/// Connections the kernel holds until they are accepted.
const BACKLOG: i32 = 4_096;
/// Pause after a failed accept, which is nearly always the process running out of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// The sockets of one address, one for each shard.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// The address in use; a configured port 0 is replaced by the real one.
    pub(crate) address: SocketAddr,
    pub(crate) sockets: Vec<std::net::TcpListener>,
}

/// Binds `shards` sockets to each address. With `by_default` an address of a family that this machine lacks is left
/// out, as long as another one is left.
///
/// # Errors
/// The operating system's, with the address in front.
pub(crate) fn bind_all(
    addresses: &[SocketAddr],
    shards: usize,
    by_default: bool,
) -> io::Result<Vec<Listeners>> {
    let mut all: Vec<Listeners> = Vec::new();
    for address in addresses {
        match bind(*address, shards) {
            Ok(listeners) => all.push(listeners),
            Err(error) if by_default && !all.is_empty() && error.kind() != io::ErrorKind::AddrInUse => {
                tracing::debug!(%error, "a default address is left out");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Binds `shards` sockets to one address.
///
/// # Errors
/// The operating system's, with the address in front.
fn bind(address: SocketAddr, shards: usize) -> io::Result<Listeners> {
    let in_context = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    if address.port() != 0 {
        // Sharing a port between shards would also share it with another process: refuse that first.
        bind_one(address, false).map_err(in_context)?;
    }
    let first = bind_one(address, shards > 1).map_err(in_context)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..shards {
        sockets.push(bind_one(address, true).map_err(in_context)?);
    }
    Ok(Listeners { address, sockets })
}

fn bind_one(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections and serves HTTP on each, until the runtime ends.
/// `monitors`: for metrics and health alone.
pub(crate) async fn accept_loop(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    context: Arc<HttpContext>,
    monitors: bool,
) {
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                tokio::spawn(serve(tcp, peer.ip(), tls.clone(), Arc::clone(&context), monitors));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; is the limit of open files too low?");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn serve(
    tcp: TcpStream,
    peer: IpAddr,
    tls: Option<TlsAcceptor>,
    context: Arc<HttpContext>,
    monitors: bool,
) {
    // Frames are gathered before they are written: waiting for more would only add latency.
    if tcp.set_nodelay(true).is_err() {
        return;
    }
    let stream = match tls {
        None => Stream::Plain(tcp),
        Some(acceptor) => match tokio::time::timeout(context.head_timeout(), acceptor.accept(tcp)).await {
            Ok(Ok(tls)) => Stream::Tls(Box::new(tls)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "TLS handshake failed");
                return;
            }
            Err(_) => return,
        },
    };
    http::serve_connection(stream, peer, context, monitors).await;
}
