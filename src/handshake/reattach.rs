//! What a host must know about a plugin that runs already.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::address::Address;
use super::extensions::Extensions;
use super::line::NETRPC;

/// Where a running plugin is found. A host hands it on to the next, and a plugin in test mode to
/// its test.
///
/// It serializes to the JSON that Go programs exchange. Terraform reads a map of these from
/// `TF_REATTACH_PROVIDERS`:
///
/// ```
/// use std::collections::BTreeMap;
/// use plugwire::handshake::{Address, ReattachConfig};
///
/// let json = r#"{"greeter":{"Protocol":"netrpc","ProtocolVersion":1,"Pid":4711,"Test":true,
///     "Addr":{"Network":"unix","String":"/tmp/plugin123456"}}}"#;
/// let plugins: BTreeMap<String, ReattachConfig> = serde_json::from_str(json)?;
/// assert_eq!(plugins["greeter"].address, Address::Unix("/tmp/plugin123456".into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ReattachConfig {
    /// The protocol that the plugin speaks. [`NETRPC`] where none is named.
    #[serde(default = "netrpc", deserialize_with = "protocol")]
    pub protocol: String,
    /// The app version that the plugin serves. Go's hosts leave it at 0 unless the plugin is in
    /// test mode.
    #[serde(default)]
    pub protocol_version: u32,
    /// The process id. `None`, in JSON 0, where there is no process that a host could watch or
    /// kill, as with a plugin on another machine.
    #[serde(default, with = "pid")]
    pub pid: Option<u32>,
    /// Whether the plugin is in test mode. Hosts never kill a plugin in test mode, nor ask it to
    /// quit: the test that serves it ends it.
    #[serde(default)]
    pub test: bool,
    /// Where the plugin listens.
    #[serde(rename = "Addr", with = "address")]
    pub address: Address,
    /// What the plugin knows beyond go-plugin's protocol. In JSON it is left out where there is
    /// none, and Go programs ignore it.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub extensions: Extensions,
}

impl ReattachConfig {
    /// A plugin that is not in test mode, without a process.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            protocol: NETRPC.to_owned(),
            protocol_version: 0,
            pid: None,
            test: false,
            address,
            extensions: Extensions::NONE,
        }
    }

    /// A plugin that listens on TCP at `host:port`, on this machine or another.
    #[must_use]
    pub fn tcp(address: impl Into<String>) -> Self {
        Self::new(Address::Tcp(address.into()))
    }

    /// The plugin's process, on this machine.
    #[must_use]
    pub fn pid(mut self, pid: u32) -> Self {
        self.pid = Some(pid);
        self
    }

    /// The app version that the plugin serves.
    #[must_use]
    pub fn protocol_version(mut self, version: u32) -> Self {
        self.protocol_version = version;
        self
    }

    /// Whether the plugin is in test mode.
    #[must_use]
    pub fn test(mut self, test: bool) -> Self {
        self.test = test;
        self
    }

    /// What the plugin knows beyond go-plugin's protocol, as it said to the host that started it:
    /// [`Client::reattach_config`](crate::host::Client::reattach_config) has it.
    #[must_use]
    pub fn extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions;
        self
    }
}

fn netrpc() -> String {
    NETRPC.to_owned()
}

/// Old hosts name no protocol, or an empty one.
fn protocol<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let protocol = String::deserialize(deserializer)?;
    Ok(match protocol.as_str() {
        "" => netrpc(),
        _ => protocol,
    })
}

mod pid {
    use super::*;

    pub(super) fn serialize<S: Serializer>(pid: &Option<u32>, to: S) -> Result<S::Ok, S::Error> {
        pid.unwrap_or_default().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
        Ok(Some(u32::deserialize(from)?).filter(|&pid| pid != 0))
    }
}

mod address {
    use serde::de::Error as _;
    use serde::ser::Error as _;

    use super::*;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Addr<T> {
        network: T,
        string: T,
    }

    pub(super) fn serialize<S: Serializer>(address: &Address, to: S) -> Result<S::Ok, S::Error> {
        let string = match address {
            Address::Unix(path) => path
                .to_str()
                .ok_or_else(|| S::Error::custom("the path of the socket is not UTF-8"))?,
            Address::Tcp(address) => address,
        };
        let network = address.network();
        Addr { network, string }.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Address, D::Error> {
        let Addr::<String> { network, string } = Addr::deserialize(from)?;
        match network.as_str() {
            "unix" => Ok(Address::Unix(PathBuf::from(string))),
            "tcp" => Ok(Address::Tcp(string)),
            _ => Err(D::Error::custom(format!(
                "unknown address type: {string} (network {network:?})"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_terraforms() {
        let config = ReattachConfig::new(Address::Unix("/tmp/plugin1".into()))
            .pid(1)
            .protocol_version(5)
            .test(true);
        let json = r#"{"Protocol":"netrpc","ProtocolVersion":5,"Pid":1,"Test":true,"Addr":{"Network":"unix","String":"/tmp/plugin1"}}"#;
        assert_eq!(serde_json::to_string(&config).unwrap(), json);
        assert_eq!(
            serde_json::from_str::<ReattachConfig>(json).unwrap(),
            config
        );
    }

    #[test]
    fn what_is_left_out_has_gos_zero_values() {
        let json = r#"{"Protocol":"","Addr":{"Network":"tcp","String":"plugins.example:4000"}}"#;
        let config: ReattachConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config, ReattachConfig::tcp("plugins.example:4000"));
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.contains(r#""Pid":0,"Test":false"#), "{json}");
    }

    #[test]
    fn extensions_are_in_the_json_where_there_are_some() {
        let config = ReattachConfig::tcp("x:1").extensions(Extensions::CALLS);
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.ends_with(r#","Extensions":"calls"}"#), "{json}");
        assert_eq!(
            serde_json::from_str::<ReattachConfig>(&json).unwrap(),
            config
        );
        let later = json.replace("calls", "telepathy,calls");
        assert_eq!(
            serde_json::from_str::<ReattachConfig>(&later).unwrap(),
            config
        );
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for json in [
            "{}",
            r#"{"Addr":{"Network":"vsock","String":"3:1"}}"#,
            r#"{"Addr":{"Network":"unix"}}"#,
            r#"{"Pid":-1,"Addr":{"Network":"unix","String":"/x"}}"#,
        ] {
            assert!(
                serde_json::from_str::<ReattachConfig>(json).is_err(),
                "{json}"
            );
        }
    }
}
