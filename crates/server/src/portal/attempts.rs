//! How often somebody may try to sign in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Failed attempts from one address in [`WINDOW`].
const ATTEMPTS_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; beyond it the one whose window ends first is forgotten.
const ADDRESSES_MAX: usize = 1_000;

/// Failed attempts to sign in, by address.
#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<IpAddr, Window>);

#[derive(Debug)]
struct Window {
    since: Instant,
    count: u32,
}

impl Attempts {
    /// Counts an attempt before it is made, so that many at once are no way around.
    ///
    /// # Errors
    /// How long to wait: there were too many.
    pub(super) fn take(&mut self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = network(from);
        if !self.0.contains_key(&address) && self.0.len() >= ADDRESSES_MAX {
            self.forget(now);
        }
        let window = self.0.entry(address).or_insert(Window { since: now, count: 0 });
        let age = now.saturating_duration_since(window.since);
        if age >= WINDOW {
            *window = Window { since: now, count: 0 };
        }
        if window.count >= ATTEMPTS_MAX {
            return Err(WINDOW.saturating_sub(age));
        }
        window.count += 1;
        Ok(())
    }

    /// The attempt was a success, and those do not count.
    pub(super) fn give_back(&mut self, from: IpAddr) {
        if let Some(window) = self.0.get_mut(&network(from)) {
            window.count = window.count.saturating_sub(1);
        }
    }

    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, window| now.saturating_duration_since(window.since) < WINDOW);
        if self.0.len() >= ADDRESSES_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, window)| window.since).map(|(at, _)| *at)
        {
            self.0.remove(&oldest);
        }
    }
}

/// The part of an address that is not its owner's to choose: half of an IPv6 address is.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_a_minute_and_address() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..10 {
            assert_eq!(attempts.take(ip("10.0.0.1"), now), Ok(()));
        }
        let later = now + Duration::from_secs(20);
        assert_eq!(attempts.take(ip("::ffff:10.0.0.1"), later), Err(Duration::from_secs(40)));
        assert_eq!(attempts.take(ip("10.0.0.2"), later), Ok(()), "another one");
        assert_eq!(attempts.take(ip("10.0.0.1"), now + WINDOW), Ok(()));
        // A success is no attempt.
        for _ in 0..20 {
            assert_eq!(attempts.take(ip("10.0.0.3"), now), Ok(()));
            attempts.give_back(ip("10.0.0.3"));
        }
        // The addresses of one IPv6 network are one.
        for host in 0..10 {
            assert_eq!(attempts.take(ip(&format!("2001:db8::{host}:1")), now), Ok(()));
        }
        assert!(attempts.take(ip("2001:db8::ffff"), now).is_err());
        assert!(attempts.take(ip("2001:db8:0:1::1"), now).is_ok());
    }

    #[test]
    fn addresses_are_bounded() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for n in 0..3_000_u32 {
            let at = now + Duration::from_millis(n.into());
            attempts.take(IpAddr::V4(n.into()), at).unwrap();
        }
        assert_eq!(attempts.0.len(), ADDRESSES_MAX);
        assert!(attempts.0.contains_key(&IpAddr::V4(2_999.into())));
        assert!(!attempts.0.contains_key(&IpAddr::V4(1_999.into())));
    }
}
