//! The text of a TCP address, in every form that Go's dialer takes.
//!
//! A plugin announces `host:port`, and a host in any language passes it on; both texts commonly
//! come from Go's `net` package. `:1234` is a Go listener without a host, and `[fe80::1%eth0]:1234`
//! one on a link-local address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use tokio::net::{TcpStream, lookup_host};

/// Why a text is not a TCP address. The reasons are in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {address:?}: {reason}")]
struct NoAddress {
    address: String,
    reason: &'static str,
}

impl From<NoAddress> for io::Error {
    fn from(error: NoAddress) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

/// An address in its parts, not resolved yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HostPort<'a> {
    /// Empty for this machine.
    host: &'a str,
    /// Written as `[host]`, which prefers IPv6.
    bracketed: bool,
    port: Port<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port<'a> {
    Number(u16),
    /// The name of a service, such as `http`.
    Service(&'a str),
}

impl<'a> HostPort<'a> {
    /// Splits an address, without looking anything up.
    fn parse(address: &'a str) -> Result<Self, NoAddress> {
        let wrong = |reason| NoAddress {
            address: address.to_owned(),
            reason,
        };
        const MISSING_PORT: &str = "missing port in address";
        const TOO_MANY_COLONS: &str = "too many colons in address";
        let (before, port) = address.rsplit_once(':').ok_or(wrong(MISSING_PORT))?;
        let (host, bracketed) = match address.strip_prefix('[') {
            None if before.contains(':') => return Err(wrong(TOO_MANY_COLONS)),
            None => (before, false),
            Some(rest) => match rest.split_once(']') {
                None => return Err(wrong("missing ']' in address")),
                Some((host, after)) if after.len() == port.len() + 1 && after.starts_with(':') => {
                    (host, true)
                }
                Some((_, after)) if after.starts_with(':') => return Err(wrong(TOO_MANY_COLONS)),
                Some(_) => return Err(wrong(MISSING_PORT)),
            },
        };
        if host.contains('[') || port.contains('[') {
            return Err(wrong("unexpected '[' in address"));
        }
        if host.contains(']') || port.contains(']') {
            return Err(wrong("unexpected ']' in address"));
        }
        let port = Port::parse(port).ok_or(wrong("invalid port"))?;
        Ok(Self {
            host,
            bracketed,
            port,
        })
    }

    /// Where to connect to, the best first: what Go's `net.ResolveTCPAddr` gives, and then the
    /// other addresses of a name.
    async fn resolve(self) -> io::Result<Vec<SocketAddr>> {
        let port = match self.port {
            Port::Number(port) => port,
            Port::Service(name) => services::port(name).await?,
        };
        if self.host.is_empty() {
            return Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]);
        }
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(this_machine(ip, port));
        }
        if let Some((ip, zone)) = zoned(self.host) {
            let scope = scope(zone).await;
            return Ok(vec![SocketAddrV6::new(ip, port, 0, scope).into()]);
        }
        let mut found: Vec<_> = lookup_host((self.host, port)).await?.collect();
        // Stable: the order within a family is the resolver's.
        found.sort_by_key(|address| address.is_ipv4() == self.bracketed);
        Ok(found)
    }
}

impl<'a> Port<'a> {
    /// `None` for a number that is not a port.
    fn parse(text: &'a str) -> Option<Self> {
        if text.is_empty() {
            return Some(Port::Number(0));
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Port::Service(text));
        }
        let number: u16 = match digits.trim_start_matches('0') {
            "" => 0,
            digits => digits.parse().ok()?,
        };
        (number == 0 || !text.starts_with('-')).then_some(Port::Number(number))
    }
}

/// A literal address. The unspecified address is a place to listen. Connecting to it means this
/// machine, on some systems; here, on all.
fn this_machine(ip: IpAddr, port: u16) -> Vec<SocketAddr> {
    let ips = match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => vec![Ipv4Addr::LOCALHOST.into()],
        // On a machine with half of IPv6 a plugin can listen there, and a host cannot connect.
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
        }
        ip => vec![ip],
    };
    ips.into_iter()
        .map(|ip| SocketAddr::new(ip, port))
        .collect()
}

/// An IPv6 address with the interface on which it is meant.
fn zoned(host: &str) -> Option<(Ipv6Addr, &str)> {
    let (ip, zone) = host.split_once('%')?;
    let ip = ip.parse().ok()?;
    (!zone.is_empty()).then_some((ip, zone))
}

/// The number of an interface, by its name or as text; 0, which is any, if there is none.
async fn scope(zone: &str) -> u32 {
    // The system's resolver knows interfaces, but only beside a link-local address.
    let link_local = format!("fe80::1%{zone}");
    let named = lookup_host((link_local.as_str(), 0)).await;
    let found = named
        .into_iter()
        .flatten()
        .find_map(|address| match address {
            SocketAddr::V6(address) => Some(address.scope_id()),
            SocketAddr::V4(_) => None,
        });
    found.or_else(|| zone.parse().ok()).unwrap_or(0)
}

/// Whether a text is an address to connect to, as far as that shows without looking anything up.
pub(in crate::host) fn is_dialable(address: &str) -> bool {
    HostPort::parse(address).is_ok_and(|parts| parts.port != Port::Number(0))
}

/// Connects to the first address that accepts.
pub(super) async fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = None;
    for address in HostPort::parse(address)?.resolve().await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            // The reason of the best one says the most.
            Err(error) => last = last.or(Some(error)),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such host")))
}

/// Ports that have names.
mod services {
    use std::io;

    /// Those that Go knows where the system names none.
    const KNOWN: [(&str, u16); 14] = [
        ("ftp", 21),
        ("ftps", 990),
        ("gopher", 70),
        ("http", 80),
        ("https", 443),
        ("imap2", 143),
        ("imap3", 220),
        ("imaps", 993),
        ("pop3", 110),
        ("pop3s", 995),
        ("smtp", 25),
        ("ssh", 22),
        ("submissions", 465),
        ("telnet", 23),
    ];

    /// The TCP port of a service.
    pub(super) async fn port(name: &str) -> io::Result<u16> {
        let name = name.to_ascii_lowercase();
        let unknown = io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("lookup tcp/{name}: unknown port"),
        );
        let read = || std::fs::read("/etc/services").unwrap_or_default();
        let file = tokio::task::spawn_blocking(read).await.unwrap_or_default();
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        listed(&String::from_utf8_lossy(&file), &name)
            .or(known.map(|&(_, port)| port))
            .ok_or(unknown)
    }

    /// Finds `http 80/tcp www # World Wide Web` by each of its names. The last such line counts.
    pub(super) fn listed(file: &str, name: &str) -> Option<u16> {
        let port = |line: &str| {
            let line = line.split('#').next()?;
            let mut words = line.split_ascii_whitespace();
            let (first, place) = (words.next()?, words.next()?);
            let port = place.strip_suffix("/tcp")?.parse().ok()?;
            let named = first == name || words.any(|word| word == name);
            (named && port != 0).then_some(port)
        };
        file.lines().rev().find_map(port)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde::Deserialize;

    use super::*;

    /// What Go makes of an address: `tests/interop/go/cmd/dialforms`.
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Form {
        form: String,
        resolved: String,
        reached: String,
        error: String,
    }

    fn forms() -> Vec<Form> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/dial_forms.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Listeners on one port of both loopback addresses, the latter if there is one.
    fn listeners() -> (u16, TcpListener, Option<TcpListener>) {
        loop {
            let four = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = four.local_addr().unwrap().port();
            match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
                Ok(six) => return (port, four, Some(six)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(_) => return (port, four, None),
            }
        }
    }

    #[tokio::test]
    async fn each_form_leads_to_where_it_leads_go() {
        let (port, _four, six) = listeners();
        let mut reached = 0;
        for Form {
            form,
            resolved,
            reached: expected,
            error,
        } in forms()
        {
            let text = form.replace("PORT", &port.to_string());
            let resolved = resolved.replace("PORT", &port.to_string());
            if six.is_none() && resolved.starts_with('[') {
                continue;
            }
            let found = match HostPort::parse(&text) {
                Ok(parts) => parts.resolve().await,
                Err(error) => Err(error.into()),
            };
            if resolved.is_empty() {
                let refused = found.expect_err(&form).to_string();
                let reason = error.split(": ").last().unwrap();
                // The system's resolver has its own texts for names.
                if !error.ends_with("no such host") {
                    assert!(refused.contains(reason), "{form}: {refused:?}, {error:?}");
                }
                continue;
            }
            let best = found.unwrap_or_else(|error| panic!("{form}: {error}"))[0];
            assert_eq!(best, gos(&resolved), "{form}");
            if !expected.is_empty() {
                let stream = connect(&text).await.expect(&form);
                let peer = stream.peer_addr().unwrap();
                assert_eq!(peer.ip().to_string(), expected, "{form}");
                assert_eq!(peer.port(), port, "{form}");
                reached += 1;
            }
        }
        assert!(reached >= 10, "{reached}");
    }

    /// The address that Go's text is to be, whose "everywhere" means this machine.
    fn gos(resolved: &str) -> SocketAddr {
        let (host, port) = resolved.rsplit_once(':').unwrap();
        let host = host.trim_matches(['[', ']']);
        let (host, zone) = host.split_once('%').unwrap_or((host, "0"));
        let ip = match host {
            "" | "0.0.0.0" => Ipv4Addr::LOCALHOST.into(),
            "::" => Ipv6Addr::LOCALHOST.into(),
            other => other.parse().unwrap(),
        };
        let mut address = SocketAddr::new(ip, port.parse().unwrap());
        if let SocketAddr::V6(address) = &mut address {
            // The loopback interface is the first of a machine. Its name is Linux's.
            let first = u32::from(zone == "1" || zone == "lo" && cfg!(target_os = "linux"));
            address.set_scope_id(first);
        }
        address
    }

    #[tokio::test]
    async fn everywhere_is_tried_in_both_families() {
        let found = HostPort::parse("[::]:7").unwrap().resolve().await.unwrap();
        let expected: [SocketAddr; 2] =
            ["[::1]:7", "127.0.0.1:7"].map(|text| text.parse().unwrap());
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn why_the_best_address_failed_is_what_is_said() {
        let error = connect("127.0.0.1:0").await.unwrap_err();
        assert!(error.raw_os_error().is_some(), "{error:?}");
        let error = connect("127.0.0.1").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"address "127.0.0.1": missing port in address"#
        );
    }

    #[test]
    fn services_are_read_as_their_file_lists_them() {
        let file = "# http 1/tcp\nhttp\t80/tcp www web # other 5/tcp\nhttp 80/udp\n\
                    bad x/tcp\nonly\nnone 0/tcp\nmine 4000/tcp\nmine 4001/tcp\nudponly 9/udp\n";
        let listed = |name| services::listed(file, name);
        assert_eq!(listed("http"), Some(80));
        assert_eq!(listed("web"), Some(80));
        assert_eq!(listed("mine"), Some(4001));
        for name in ["other", "bad", "only", "none", "udponly", "80/tcp", ""] {
            assert_eq!(listed(name), None, "{name:?}");
        }
    }
}
