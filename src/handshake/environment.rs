//! The environment that a plugin is started in: written by the host, read by the plugin.
//!
//! This is the one place that knows the variables' names and how their values are written. Both
//! sides hold an [`Environment`], and the tests check that the plugin reads back what the host
//! wrote.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::ParseIntError;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::config::HandshakeConfig;
use super::extensions::Extensions;
use super::version::{parse_versions, print_versions};

/// Environment: lowest TCP port a plugin may listen on. Plugins on Unix use sockets and ignore it.
pub const ENV_MIN_PORT: &str = "PLUGIN_MIN_PORT";
/// Environment: highest TCP port a plugin may listen on.
pub const ENV_MAX_PORT: &str = "PLUGIN_MAX_PORT";
/// Environment: every app version the host knows, comma separated, in any order.
pub const ENV_PROTOCOL_VERSIONS: &str = "PLUGIN_PROTOCOL_VERSIONS";
/// Environment: the host's one-time certificate as PEM; present only with AutoMTLS.
pub const ENV_CLIENT_CERT: &str = "PLUGIN_CLIENT_CERT";
/// Environment: the directory a plugin makes its unix socket in, instead of the temporary
/// directory.
pub const ENV_UNIX_SOCKET_DIR: &str = "PLUGIN_UNIX_SOCKET_DIR";
/// Environment: the group, by name or number, that owns the plugin's unix socket.
pub const ENV_UNIX_SOCKET_GROUP: &str = "PLUGIN_UNIX_SOCKET_GROUP";
/// Environment: the host understands the line's seventh field. A gRPC matter; net/rpc plugins may
/// still append it.
pub const ENV_MULTIPLEX_GRPC: &str = "PLUGIN_MULTIPLEX_GRPC";
/// Environment: the plugin is meant to outlive the host that starts it. Holds the magic cookie as
/// `KEY=VALUE`, because a host in Go passes the variable on to its own plugins, which have other
/// cookies. This crate's own; go-plugin does not know it, and its plugins always outlive their
/// hosts.
pub const ENV_DETACHED: &str = "PLUGWIRE_DETACHED";

/// Environment: the [`Extensions`] that the host offers, as `KEY=VALUE;WORDS`. The magic cookie is
/// in front for the same reason as in [`ENV_DETACHED`]. This crate's own; go-plugin ignores it.
pub const ENV_EXTENSIONS: &str = "PLUGWIRE_EXTENSIONS";

/// The variables that must not reach the plugins of a plugin that is a host itself: they speak of
/// its own host. The others are always set again.
pub(crate) const NOT_INHERITED: [&str; 6] = [
    ENV_CLIENT_CERT,
    ENV_DETACHED,
    ENV_EXTENSIONS,
    ENV_MULTIPLEX_GRPC,
    ENV_UNIX_SOCKET_DIR,
    ENV_UNIX_SOCKET_GROUP,
];

/// What a host passes to the plugin that it starts, beside the magic cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The app versions that the host knows.
    pub(crate) versions: Vec<u32>,
    /// The TCP ports that the plugin may listen on; `0..=0` is any free port. Only plugins without
    /// unix sockets look at it, so an invalid range is an error only there.
    pub(crate) ports: Result<RangeInclusive<u16>, PortsError>,
    /// The certificate of a host with AutoMTLS, as PEM.
    pub(crate) client_cert: Option<OsString>,
    /// Whether the plugin is to outlive the host.
    pub(crate) detached: bool,
    /// What the host offers beyond go-plugin's protocol.
    pub(crate) extensions: Extensions,
    /// The directory for the plugin's unix socket, by the name that the plugin knows it by.
    pub(crate) socket_dir: Option<PathBuf>,
    /// The group that the plugin's unix socket is to belong to.
    pub(crate) socket_group: Option<String>,
}

/// What a plugin reads where there are no variables.
impl Default for Environment {
    fn default() -> Self {
        Self {
            versions: Vec::new(),
            ports: Ok(0..=0),
            client_cert: None,
            detached: false,
            extensions: Extensions::NONE,
            socket_dir: None,
            socket_group: None,
        }
    }
}

/// Why two variables do not make a range of ports. The texts are go-plugin's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PortsError {
    #[error("couldn't get value from {variable}: {value:?}: {reason}")]
    NoPort {
        variable: &'static str,
        value: String,
        reason: ParseIntError,
    },
    #[error("{ENV_MIN_PORT} value of {lowest} is greater than {ENV_MAX_PORT} value of {highest}")]
    Reversed { lowest: u16, highest: u16 },
}

impl Environment {
    /// The variables as the host sets them, the magic cookie's included.
    pub(crate) fn to_variables(&self, handshake: &HandshakeConfig) -> BTreeMap<OsString, OsString> {
        let mut variables = BTreeMap::new();
        let mut set = |name: &str, value: OsString| variables.insert(name.into(), value);
        set(
            &handshake.magic_cookie_key,
            (&*handshake.magic_cookie_value).into(),
        );
        set(ENV_PROTOCOL_VERSIONS, print_versions(&self.versions).into());
        if let Ok(ports) = &self.ports {
            set(ENV_MIN_PORT, ports.start().to_string().into());
            set(ENV_MAX_PORT, ports.end().to_string().into());
        }
        if let Some(certificate) = &self.client_cert {
            set(ENV_CLIENT_CERT, certificate.clone());
        }
        if self.detached {
            set(ENV_DETACHED, cookie_assignment(handshake).into());
        }
        if !self.extensions.is_empty() {
            let offer = format!("{};{}", cookie_assignment(handshake), self.extensions);
            set(ENV_EXTENSIONS, offer.into());
        }
        if let Some(directory) = &self.socket_dir {
            set(ENV_UNIX_SOCKET_DIR, directory.into());
        }
        if let Some(group) = &self.socket_group {
            set(ENV_UNIX_SOCKET_GROUP, group.into());
        }
        variables
    }

    /// What the plugin reads. `variable` gives the value of a variable by its name. An empty value
    /// counts as none, as in Go.
    pub(crate) fn from_variables(
        handshake: &HandshakeConfig,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let raw = |name| variable(name).filter(|value| !value.is_empty());
        let text = |name| raw(name)?.into_string().ok();
        let assignment = cookie_assignment(handshake);
        let offered = |value: String| {
            let words = value.strip_prefix(&assignment)?.strip_prefix(';')?;
            words.parse().ok()
        };
        Self {
            versions: parse_versions(&text(ENV_PROTOCOL_VERSIONS).unwrap_or_default()),
            ports: ports(text),
            client_cert: raw(ENV_CLIENT_CERT),
            detached: raw(ENV_DETACHED).is_some_and(|value| value == *assignment),
            extensions: text(ENV_EXTENSIONS).and_then(offered).unwrap_or_default(),
            socket_dir: raw(ENV_UNIX_SOCKET_DIR).map(PathBuf::from),
            socket_group: text(ENV_UNIX_SOCKET_GROUP),
        }
    }

    /// Whether the magic cookie is set, which only a host of this plugin does.
    pub(crate) fn has_cookie(
        handshake: &HandshakeConfig,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> bool {
        let cookie = variable(&handshake.magic_cookie_key);
        cookie.is_some_and(|cookie| cookie == *handshake.magic_cookie_value)
    }
}

fn cookie_assignment(handshake: &HandshakeConfig) -> String {
    format!(
        "{}={}",
        handshake.magic_cookie_key, handshake.magic_cookie_value
    )
}

/// An absent port is 0, and from 0 to 0 is any free port.
fn ports(text: impl Fn(&'static str) -> Option<String>) -> Result<RangeInclusive<u16>, PortsError> {
    let port = |variable| match text(variable) {
        None => Ok(0),
        Some(value) => value.parse().map_err(|reason| PortsError::NoPort {
            variable,
            value,
            reason,
        }),
    };
    let (lowest, highest) = (port(ENV_MIN_PORT)?, port(ENV_MAX_PORT)?);
    if lowest > highest {
        return Err(PortsError::Reversed { lowest, highest });
    }
    Ok(lowest..=highest)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::prelude::*;

    use super::*;

    const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");

    fn read(handshake: &HandshakeConfig, variables: &BTreeMap<OsString, OsString>) -> Environment {
        let variable = |name: &str| variables.get(OsStr::new(name)).cloned();
        assert!(Environment::has_cookie(handshake, variable));
        Environment::from_variables(handshake, variable)
    }

    fn read_text(variables: &[(&str, &str)]) -> Environment {
        Environment::from_variables(&HANDSHAKE, |name| {
            let found = variables.iter().find(|(key, _)| *key == name)?;
            Some(found.1.into())
        })
    }

    /// The names and the values are go-plugin's: `client.go`, `Start`; `server.go`, `Serve`.
    #[test]
    fn the_variables_are_go_plugins() {
        let environment = Environment {
            versions: vec![3, 1],
            ports: Ok(10_000..=25_000),
            client_cert: Some("-----BEGIN CERTIFICATE-----".into()),
            detached: true,
            extensions: Extensions::CALLS.with(Extensions::ERRORS),
            socket_dir: Some("/tmp/plugin-dir1".into()),
            socket_group: Some("plugins".into()),
        };
        let variables = environment.to_variables(&HANDSHAKE);
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap()))
            .collect();
        assert_eq!(
            variables,
            [
                ("BASIC_PLUGIN", "hello"),
                ("PLUGIN_CLIENT_CERT", "-----BEGIN CERTIFICATE-----"),
                ("PLUGIN_MAX_PORT", "25000"),
                ("PLUGIN_MIN_PORT", "10000"),
                ("PLUGIN_PROTOCOL_VERSIONS", "3,1"),
                ("PLUGIN_UNIX_SOCKET_DIR", "/tmp/plugin-dir1"),
                ("PLUGIN_UNIX_SOCKET_GROUP", "plugins"),
                ("PLUGWIRE_DETACHED", "BASIC_PLUGIN=hello"),
                ("PLUGWIRE_EXTENSIONS", "BASIC_PLUGIN=hello;calls,errors"),
            ]
        );
    }

    #[test]
    fn an_option_that_is_off_sets_no_variable() {
        let variables = Environment::default().to_variables(&HANDSHAKE);
        let names: Vec<_> = variables
            .keys()
            .map(|name| name.to_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "BASIC_PLUGIN",
                "PLUGIN_MAX_PORT",
                "PLUGIN_MIN_PORT",
                "PLUGIN_PROTOCOL_VERSIONS",
            ]
        );
    }

    #[test]
    fn absent_and_empty_variables_are_the_defaults() {
        assert_eq!(read_text(&[]), Environment::default());
        let empty = [
            ENV_CLIENT_CERT,
            ENV_DETACHED,
            ENV_EXTENSIONS,
            ENV_MAX_PORT,
            ENV_MIN_PORT,
            ENV_PROTOCOL_VERSIONS,
            ENV_UNIX_SOCKET_DIR,
            ENV_UNIX_SOCKET_GROUP,
        ]
        .map(|name| (name, ""));
        assert_eq!(read_text(&empty), Environment::default());
    }

    #[test]
    fn a_range_of_ports_that_is_none_is_refused() {
        for (lowest, highest, expected) in [
            (
                "x",
                "2",
                "couldn't get value from PLUGIN_MIN_PORT: \"x\": invalid digit found in string",
            ),
            (
                "1",
                "70000",
                "couldn't get value from PLUGIN_MAX_PORT: \"70000\": number too large to fit in \
                 target type",
            ),
            (
                "2",
                "1",
                "PLUGIN_MIN_PORT value of 2 is greater than PLUGIN_MAX_PORT value of 1",
            ),
        ] {
            let read = read_text(&[(ENV_MIN_PORT, lowest), (ENV_MAX_PORT, highest)]);
            assert_eq!(read.ports.unwrap_err().to_string(), expected);
        }
    }

    /// A host in Go that is a plugin itself passes on the variable of its own host.
    #[test]
    fn another_plugins_detachment_is_not_this_ones() {
        let of = |value| read_text(&[(ENV_DETACHED, value)]).detached;
        assert!(of("BASIC_PLUGIN=hello"));
        assert!(!of("OTHER_PLUGIN=hello"));
        assert!(!of("BASIC_PLUGIN"));
        assert!(!of("1"));
    }

    #[test]
    fn an_offer_to_another_plugin_is_not_one_to_this() {
        let of = |value| read_text(&[(ENV_EXTENSIONS, value)]).extensions;
        assert_eq!(of("BASIC_PLUGIN=hello;calls"), Extensions::CALLS);
        assert_eq!(of("BASIC_PLUGIN=hello;x,errors"), Extensions::ERRORS);
        for foreign in [
            "OTHER_PLUGIN=hello;calls",
            "BASIC_PLUGIN=hello2;calls",
            "BASIC_PLUGIN=hello",
            "BASIC_PLUGIN=hello,calls",
            "calls",
            ";calls",
        ] {
            assert_eq!(of(foreign), Extensions::NONE, "{foreign}");
        }
    }

    #[test]
    fn only_the_right_cookie_counts() {
        let has = |value: Option<&str>| {
            Environment::has_cookie(&HANDSHAKE, |name| {
                assert_eq!(name, "BASIC_PLUGIN");
                value.map(OsString::from)
            })
        };
        assert!(has(Some("hello")));
        assert!(!has(Some("Hello")) && !has(Some("")) && !has(None));
    }

    /// A value that an environment can hold, as the system gives it: bytes on Unix.
    fn value() -> impl Strategy<Value = OsString> {
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStringExt;
            prop::collection::vec(1..=u8::MAX, 1..40).prop_map(OsString::from_vec)
        }
        #[cfg(not(unix))]
        {
            "[^\0]{1,40}".prop_map(OsString::from)
        }
    }

    fn host_environment() -> impl Strategy<Value = Environment> {
        let ports = (1..=u16::MAX, 1..=u16::MAX)
            .prop_map(|(one, other)| Ok(one.min(other)..=one.max(other)));
        (
            prop::collection::vec(any::<u32>(), 0..6),
            ports,
            prop::option::of(value()),
            any::<bool>(),
            (0u32..4).prop_map(Extensions::of_bits),
            prop::option::of(value().prop_map(PathBuf::from)),
            prop::option::of("[^\0]{1,40}"),
        )
            .prop_map(
                |(versions, ports, client_cert, detached, extensions, socket_dir, socket_group)| {
                    Environment {
                        versions,
                        ports,
                        client_cert,
                        detached,
                        extensions,
                        socket_dir,
                        socket_group,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn a_plugin_reads_what_its_host_wrote(
            environment in host_environment(),
            key in "[A-Z_]{1,20}",
            cookie in "[^\0]{1,40}",
        ) {
            // The author chooses the cookie's name, and may not choose one of the protocol's.
            prop_assume!(!key.starts_with("PLUG"));
            let handshake = HandshakeConfig::with_cookie(1, key, cookie);
            let variables = environment.to_variables(&handshake);
            prop_assert_eq!(read(&handshake, &variables), environment);
        }
    }
}
