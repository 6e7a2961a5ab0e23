//! What the system knows about this process. Where it does not say, nothing is told.

use std::fs;

/// The process at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Process {
    /// Time on processors, in seconds.
    pub(crate) cpu_s: Option<f64>,
    /// Memory that is in use, in bytes.
    pub(crate) resident_bytes: Option<u64>,
    /// Open files, sockets included. To count them costs a look at each, so only metrics ask.
    pub(crate) open_files: Option<u64>,
}

impl Process {
    /// What can be read at once.
    pub(crate) fn now() -> Self {
        Self { cpu_s: cpu_s(), resident_bytes: resident_bytes(), open_files: open_files() }
    }
}

/// Memory that is in use, in bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(target_os = "linux")]
fn cpu_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let ticks = cpu_ticks(&stat)?;
    #[expect(clippy::cast_precision_loss, reason = "a long time before it matters")]
    let seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    Some(seconds)
}

#[cfg(not(target_os = "linux"))]
fn cpu_s() -> Option<f64> {
    None
}

/// The user's and the system's ticks in `/proc/self/stat`. The name of the program, in parentheses, may have anything in it.
#[cfg(target_os = "linux")]
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

fn open_files() -> Option<u64> {
    // The folder itself is open while it is read.
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_seen() {
        let process = Process::now();
        assert!(process.resident_bytes.unwrap() > 1 << 20);
        assert!(process.open_files.unwrap() >= 3);
        assert!(process.cpu_s.is_some());
    }

    #[test]
    fn names_of_programs_do_not_confuse() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (a"), None);
    }
}
