//! What the system knows about the server process and about the load generator itself.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// A process by its id, or the load generator itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Process {
    Id(u32),
    Own,
}

impl Process {
    fn read(self, file: &str) -> Result<String> {
        let path = match self {
            Self::Id(id) => format!("/proc/{id}/{file}"),
            Self::Own => format!("/proc/self/{file}"),
        };
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }

    /// Memory that the process has in RAM, in bytes.
    pub(super) fn resident_bytes(self) -> Result<u64> {
        resident_bytes(&self.read("status")?).context("/proc shows no VmRSS for the process")
    }

    /// Processor time of all threads so far, in user space and in the kernel.
    fn cpu(self) -> Result<Duration> {
        let ticks = cpu_ticks(&self.read("stat")?).context("/proc shows no times for the process")?;
        Ok(duration(ticks))
    }
}

/// Clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    at: Instant,
    server: Option<Duration>,
    own: Duration,
    all: Duration,
}

/// What happened between two moments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elapsed {
    pub(super) wall: Duration,
    /// Processor time of the server, if its process is known.
    pub(super) server: Option<Duration>,
    /// Processor time of the load generator: near 100 % of `wall` it is the limit, not the server.
    pub(super) own: Duration,
    /// Processor time of everything else on this machine, if the server's is known: what disturbs.
    pub(super) others: Option<Duration>,
}

impl Clocks {
    pub(super) fn now(server: Option<Process>) -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        Ok(Self {
            server: server.map(Process::cpu).transpose()?,
            own: Process::Own.cpu()?,
            all: duration(busy_ticks(&stat).context("/proc/stat shows no times")?),
            at: Instant::now(),
        })
    }

    pub(super) fn until(self, later: Self) -> Elapsed {
        let server = later.server.zip(self.server).map(|(later, earlier)| later.saturating_sub(earlier));
        let own = later.own.saturating_sub(self.own);
        let all = later.all.saturating_sub(self.all);
        let others = server.map(|server| all.saturating_sub(own + server));
        Elapsed { wall: later.at.duration_since(self.at), server, own, others }
    }
}

fn duration(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1))
}

fn resident_bytes(status: &str) -> Option<u64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    kib.parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// utime and stime: the fields 14 and 15 of proc_pid_stat(5). Field 2 is a name in brackets, which may have blanks.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// user, nice and system time of all processors.
fn busy_ticks(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(3);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_proc() {
        assert_eq!(resident_bytes("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 1000 0 0 0 70 8 0 0 20 0 1 0 100 2000 300";
        assert_eq!(cpu_ticks(stat), Some(78));
        assert_eq!(cpu_ticks("42 (a) S 1"), None);
        assert_eq!(busy_ticks("cpu  5 6 7 1000 2 0 3 0 0 0\ncpu0 1 2 3\n"), Some(18));
    }

    #[test]
    fn the_own_process_has_memory_and_time() {
        assert!(Process::Own.resident_bytes().unwrap() > 100_000);
        assert!(Process::Id(std::process::id()).resident_bytes().unwrap() > 100_000);
        let before = Clocks::now(Some(Process::Own)).unwrap();
        let elapsed = before.until(Clocks::now(Some(Process::Own)).unwrap());
        assert!(elapsed.server.is_some());
    }
}
