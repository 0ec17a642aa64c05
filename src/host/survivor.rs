//! What the next host has to know of a plugin that outlives this one.

use std::fmt;
use std::fs::Metadata;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::handshake::{CORE_PROTOCOL_VERSION, ReattachConfig};
use crate::sys::process_start::ProcessStart;

/// A plugin that outlives its host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Survivor {
    /// Which process of a pool it is.
    pub(super) instance: usize,
    /// The version of the protocol below the app's.
    pub(super) core_version: u32,
    pub(super) reattach: ReattachConfig,
    /// With the process id, what distinguishes the process from every other.
    pub(super) start: Option<ProcessStart>,
    /// What the host has checked its executable to have.
    pub(super) checksum: Option<Hex>,
    /// The file that was there when it was started.
    pub(super) executable: Option<FileVersion>,
    /// The directory with the pipes that it prints to.
    pub(super) output: Option<PathBuf>,
    /// What the last host has read of its log, and not logged.
    #[serde(default)]
    pub(super) unread: Hex,
}

impl Survivor {
    pub(super) fn new(reattach: ReattachConfig) -> Self {
        Self {
            instance: 0,
            core_version: CORE_PROTOCOL_VERSION,
            reattach,
            start: None,
            checksum: None,
            executable: None,
            output: None,
            unread: Hex::default(),
        }
    }
}

/// What distinguishes one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileVersion {
    pub(super) modified: Option<SystemTime>,
    pub(super) length: u64,
    pub(super) file: u64,
}

impl FileVersion {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            file: number(metadata),
        }
    }
}

/// Distinguishes files that have been put into each other's place.
#[cfg(unix)]
fn number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}

/// Bytes that are written in hexadecimal: formats of text have none.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Hex(pub(super) Vec<u8>);

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| char::from(DIGITS[usize::from(value & 0xf)]);
        let digits = self
            .0
            .iter()
            .flat_map(|&byte| [digit(byte >> 4), digit(byte)]);
        serializer.serialize_str(&digits.collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let value = |digit: u8| char::from(digit).to_digit(16);
        let byte = |pair: &[u8]| match *pair {
            [high, low] => u8::try_from(value(high)? * 16 + value(low)?).ok(),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes
            .map(Hex)
            .ok_or_else(|| D::Error::custom("bytes in hexadecimal were expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_hexadecimal() {
        let all = Hex((0..=255).collect());
        let json = serde_json::to_string(&all).unwrap();
        assert!(
            json.starts_with("\"000102") && json.ends_with("feff\""),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Hex>(&json).unwrap(), all);
        assert_eq!(serde_json::from_str::<Hex>("\"\"").unwrap(), Hex::default());
        for bad in ["\"0\"", "\"0x\"", "\"zz\"", "\"ä\"", "7"] {
            assert!(serde_json::from_str::<Hex>(bad).is_err(), "{bad}");
        }
    }
}
