//! One non-blocking TCP connection of the load generator.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with, sockopt,
};

#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    /// What the system did not take yet.
    unsent: Vec<u8>,
    received: u64,
}

impl Socket {
    /// Begins to connect. It is writable when that has succeeded.
    pub(super) fn connect(address: SocketAddr) -> Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(family, SocketType::STREAM, flags, None).context("cannot make a socket")?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        match connect(&fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => bail!("cannot connect to {address}: {error}"),
        }
        Ok(Self { fd, unsent: Vec::new(), received: 0 })
    }

    /// Bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Sends now what the system takes, and the rest with [`flush`](Self::flush).
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if self.unsent.is_empty() {
            let taken = self.send_some(bytes)?;
            self.unsent.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            return Ok(());
        }
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends what is left. To be called when the socket became writable.
    pub(super) fn flush(&mut self) -> Result<()> {
        if !self.unsent.is_empty() {
            let taken = self.send_some(&self.unsent)?;
            self.unsent.drain(..taken);
        }
        Ok(())
    }

    fn send_some(&self, bytes: &[u8]) -> Result<usize> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match send(&self.fd, rest, SendFlags::NOSIGNAL) {
                Ok(count) => taken += count,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => bail!("cannot send: {error}"),
            }
        }
        Ok(taken)
    }

    /// Reads into `buffer`; nothing there: 0. A count below the buffer's length says that nothing is left.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.receive(buffer, RecvFlags::empty())
    }

    /// Throws away at most as many bytes as `buffer` is long, without copying them out of the system. What is in
    /// `buffer` does not change.
    pub(super) fn discard(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.receive(buffer, RecvFlags::TRUNC)
    }

    fn receive(&mut self, buffer: &mut [u8], flags: RecvFlags) -> Result<usize> {
        loop {
            match recv(&self.fd, &mut *buffer, flags) {
                Ok((_, 0)) => bail!("the server ended a connection"),
                Ok((_, count)) => {
                    self.received += count as u64;
                    return Ok(count);
                }
                Err(Errno::AGAIN) => return Ok(0),
                Err(Errno::INTR) => {}
                Err(error) => bail!("cannot receive: {error}"),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
