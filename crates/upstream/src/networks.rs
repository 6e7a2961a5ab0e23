//! Which addresses event handlers may have: a URL in the settings must not open what only this machine can reach
//! (event-handlers.md §12, "SSRF protection").

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses at which clouds give credentials to whoever asks, outside of the link-local network. No word but `any`
/// and `link-local` allows them.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// IPv4 networks that are not public, the more special one first.
const KINDS_V4: [(Ipv4Addr, u8, Kind); 15] = [
    (Ipv4Addr::new(127, 0, 0, 0), 8, Kind::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, Kind::LinkLocal),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Kind::Private),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Kind::Private),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Kind::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Kind::Private),
    (Ipv4Addr::new(0, 0, 0, 0), 8, Kind::Reserved),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Kind::Reserved),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Kind::Reserved),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Kind::Reserved),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Kind::Reserved),
];

/// IPv6 networks within 2000::/3 that are not public; all outside of it are none either.
const RESERVED_V6: [(Ipv6Addr, u8); 3] = [
    // Protocols' own, Teredo among them, which carries any IPv4 address.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// What an address is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Loopback,
    /// RFC 1918, RFC 4193, and the shared space of carriers (RFC 6598).
    Private,
    /// RFC 3927, RFC 4291 §2.5.6, and where clouds keep their metadata.
    LinkLocal,
    /// Unspecified, multicast, documentation, and whatever else has no hosts.
    Reserved,
}

/// The networks that the operator allows besides the public ones. [`Default`] allows none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks {
    texts: Vec<String>,
    kinds: Vec<Kind>,
    any: bool,
    ranges: Vec<(IpAddr, u8)>,
}

/// An entry of `allowed_networks` that cannot be meant. The text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} in `upstream.allowed_networks` is no network. Write one such as 10.0.0.0/8, an address, or one of private, \
     loopback, link-local and any."
)]
pub struct InvalidNetwork(String);

/// Why an address is refused. The text says how to allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    address: IpAddr,
    kind: Kind,
}

impl Networks {
    /// Reads networks (`10.0.0.0/8`), single addresses, and the words `private`, `loopback`, `link-local` and `any`.
    ///
    /// # Errors
    /// Anything else, the first of it.
    pub fn parse(texts: &[String]) -> Result<Self, InvalidNetwork> {
        let mut networks = Self { texts: texts.to_vec(), ..Self::default() };
        for text in texts {
            match text.trim().to_ascii_lowercase().as_str() {
                "private" => networks.kinds.push(Kind::Private),
                "loopback" => networks.kinds.push(Kind::Loopback),
                "link-local" => networks.kinds.push(Kind::LinkLocal),
                "any" => networks.any = true,
                other => networks.ranges.push(range(other).ok_or_else(|| InvalidNetwork(text.clone()))?),
            }
        }
        Ok(networks)
    }

    /// Whether a handler may have this address: public ones always, those on loopback in development mode, others if
    /// the operator allows them. IPv6 addresses that stand for an IPv4 address are judged as that one.
    pub fn allows(&self, address: IpAddr, development: bool) -> bool {
        self.check(address, development).is_ok()
    }

    /// As [`Networks::allows`].
    ///
    /// # Errors
    /// The address is not allowed.
    pub fn check(&self, address: IpAddr, development: bool) -> Result<(), Refused> {
        let meant = meant(address);
        let kind = Kind::of(meant);
        let by_kind = match kind {
            Kind::Public => true,
            Kind::Loopback if development => true,
            kind => self.any || self.kinds.contains(&kind),
        };
        let in_range = |address| self.ranges.iter().any(|(network, bits)| contains(*network, *bits, address));
        if by_kind || in_range(meant) || in_range(address) {
            return Ok(());
        }
        Err(Refused { address, kind })
    }

    /// As they were written.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, kind } = self;
        let (what, word) = match kind {
            Kind::Public => ("a public address", None),
            Kind::Loopback => ("on loopback", Some("loopback")),
            Kind::Private => ("in a private network", Some("private")),
            Kind::LinkLocal => ("link-local or of the cloud's metadata service", None),
            Kind::Reserved => ("no address of a server", None),
        };
        write!(
            f,
            "The address {address} is {what}, where event handlers may not be. If it is meant, add \"{address}\""
        )?;
        if let Some(word) = word {
            write!(f, " or \"{word}\"")?;
        }
        write!(f, " to `allowed_networks` under [upstream]")
    }
}

impl Kind {
    /// Of an address that stands for no other.
    fn of(address: IpAddr) -> Self {
        if METADATA.contains(&address) {
            return Self::LinkLocal;
        }
        match address {
            IpAddr::V4(_) => KINDS_V4
                .iter()
                .find(|(network, bits, _)| contains(IpAddr::V4(*network), *bits, address))
                .map_or(Self::Public, |(_, _, kind)| *kind),
            IpAddr::V6(v6) => match v6.segments() {
                [0, 0, 0, 0, 0, 0, 0, 1] => Self::Loopback,
                [first, ..] if first & 0xfe00 == 0xfc00 => Self::Private,
                // Site-local, the private network of before RFC 4193.
                [first, ..] if first & 0xffc0 == 0xfec0 => Self::Private,
                [first, ..] if first & 0xffc0 == 0xfe80 => Self::LinkLocal,
                [first, ..] if first & 0xe000 != 0x2000 => Self::Reserved,
                _ if RESERVED_V6.iter().any(|(net, bits)| contains(IpAddr::V6(*net), *bits, address)) => {
                    Self::Reserved
                }
                _ => Self::Public,
            },
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291 §2.5.5), 6to4 (RFC 3056) or NAT64 (RFC 6052);
/// any other as it is.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // IPv4-compatible, but neither `::` nor `::1`.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        _ => address,
    }
}

/// A network or a single address in canonical form.
fn range(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(longest);
    (bits <= longest).then_some((address, bits))
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differing = u32::from(network) ^ u32::from(address);
            differing.checked_shr(32 - u32::from(bits)).unwrap_or_default() == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differing = u128::from(network) ^ u128::from(address);
            differing.checked_shr(128 - u32::from(bits)).unwrap_or_default() == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).expect("networks")
    }

    fn allows(texts: &[&str], address: &str) -> bool {
        networks(texts).allows(address.parse().expect("an address"), false)
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.0",
            "100.63.255.255",
            "100.128.0.1",
            "169.253.1.1",
            "192.167.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(allows(&[], address), "{address}");
        }
    }

    #[test]
    fn other_addresses_are_refused_in_every_disguise() {
        for v4 in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.200",
            "169.254.169.254",
            "168.63.129.16",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.192",
            "198.19.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!allows(&[], v4), "{v4}");
            let [a, b, c, d] = v4.parse::<Ipv4Addr>().unwrap().octets();
            for v6 in [
                format!("::ffff:{v4}"),
                format!("::{v4}"),
                format!("64:ff9b::{v4}"),
                format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
            ] {
                assert!(!allows(&[], &v6), "{v6}");
            }
        }
        for v6 in [
            "::",
            "::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
            "::ffff:0:7f00:1",
        ] {
            assert!(!allows(&[], v6), "{v6}");
        }
    }

    #[test]
    fn loopback_is_open_in_development_mode_only() {
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(Networks::default().allows(address.parse().unwrap(), true), "{address}");
        }
        for address in ["10.0.0.1", "169.254.169.254", "0.0.0.0", "fe80::1"] {
            assert!(!Networks::default().allows(address.parse().unwrap(), true), "{address}");
        }
    }

    #[test]
    fn the_operator_allows_networks_by_word() {
        assert!(allows(&["private"], "10.1.2.3") && allows(&["Private "], "fd12::1"));
        assert!(allows(&["private"], "::ffff:192.168.0.1") && allows(&["private"], "100.64.0.1"));
        for address in
            ["127.0.0.1", "169.254.169.254", "fe80::1", "100.100.100.200", "fd00:ec2::254", "0.0.0.0"]
        {
            assert!(!allows(&["private"], address), "{address}");
            assert!(allows(&["any"], address), "{address}");
        }
        assert!(allows(&["loopback"], "::1") && !allows(&["loopback"], "10.0.0.1"));
        assert!(allows(&["link-local"], "169.254.169.254") && allows(&["link-local"], "fe80::1"));
    }

    #[test]
    fn the_operator_allows_networks_by_address() {
        let texts = ["10.1.0.0/16", "192.168.7.9", "fd00:1::/32", "[::1]", "0.0.0.0/32"];
        for address in ["10.1.255.255", "::ffff:10.1.0.1", "192.168.7.9", "fd00:1:2::3", "::1", "0.0.0.0"] {
            assert!(allows(&texts, address), "{address}");
        }
        for address in ["10.2.0.0", "192.168.7.8", "fd00:2::", "127.0.0.1", "0.0.0.1"] {
            assert!(!allows(&texts, address), "{address}");
        }
        assert!(allows(&["0.0.0.0/0"], "127.0.0.1") && !allows(&["0.0.0.0/0"], "::1"));
        assert!(allows(&["::/0"], "::1") && !allows(&["::/0"], "10.0.0.1"));
        assert!(allows(&["2002::/16"], "2002:7f00:1::"), "the address itself may be named, too");
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "fd00::/129",
            "10.0.0.0/-1",
            "intranet",
            "example.com",
            "10.0.0.0/",
        ] {
            let error = Networks::parse(&[text.to_owned()]).expect_err("it is wrong").to_string();
            assert!(error.contains(&format!("{text:?}")) && error.contains("such as 10.0.0.0/8"), "{error}");
        }
    }

    #[test]
    fn a_refusal_says_how_to_allow_it() {
        let refusal = |address: &str| {
            Networks::default().check(address.parse().unwrap(), false).expect_err("refused").to_string()
        };
        assert_eq!(
            refusal("10.0.0.5"),
            "The address 10.0.0.5 is in a private network, where event handlers may not be. If it is meant, add \
             \"10.0.0.5\" or \"private\" to `allowed_networks` under [upstream]"
        );
        assert!(refusal("169.254.169.254").contains("metadata service"));
        assert!(!refusal("169.254.169.254").contains("\"link-local\""), "that opens more than is meant");
    }
}
