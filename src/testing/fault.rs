//! What goes wrong on demand.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use plugwire_base::escape::Escaped;

/// Something that goes wrong between a host and a plugin, on demand.
///
/// Each has a name, by which a test plan or a command line asks for it:
///
/// ```
/// use std::time::Duration;
/// use plugwire::testing::Fault;
///
/// assert_eq!("cut".parse(), Ok(Fault::Cut));
/// assert_eq!("delay 20ms".parse(), Ok(Fault::Delay(Duration::from_millis(20))));
/// assert_eq!(Fault::Silence.to_string(), "silence");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `delay 20ms`: from now on bytes arrive so much later, in both directions. Zero ends the
    /// delay.
    Delay(Duration),
    /// `cut`: the connection breaks. What is on its way is lost, and both sides learn of it at
    /// once.
    Cut,
    /// `garbage`: bytes that are no frame arrive at the host.
    Garbage,
    /// `crash`: the plugin's process ends. Calls fail as [crashed](crate::Error::is_crashed).
    Crash,
    /// `silence`: nothing arrives any more, on either side, and neither side learns of it. It ends
    /// with [`Faults::heal`](super::Faults::heal): what was sent meanwhile arrives then.
    Silence,
}

/// The name is none of a [`Fault`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no fault is called {:?}; there are `delay 20ms`, `cut`, `garbage`, `crash` and `silence`",
    Escaped(.name).to_string()
)]
pub struct UnknownFault {
    /// The name.
    pub name: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Delay(delay) => write!(f, "delay {delay:?}"),
            Fault::Cut => f.write_str("cut"),
            Fault::Garbage => f.write_str("garbage"),
            Fault::Crash => f.write_str("crash"),
            Fault::Silence => f.write_str("silence"),
        }
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    /// Reads a name. A delay is in whole `s`, `ms`, `us` or `µs`, or `ns`.
    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault {
            name: name.to_owned(),
        };
        Ok(match name {
            "cut" => Fault::Cut,
            "garbage" => Fault::Garbage,
            "crash" => Fault::Crash,
            "silence" => Fault::Silence,
            other => {
                let delay = other.strip_prefix("delay ").and_then(duration);
                Fault::Delay(delay.ok_or_else(unknown)?)
            }
        })
    }
}

fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number = number.parse().ok()?;
    match unit {
        "s" => Some(Duration::from_secs(number)),
        "ms" => Some(Duration::from_millis(number)),
        "us" | "µs" => Some(Duration::from_micros(number)),
        "ns" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for fault in [
            Fault::Delay(Duration::from_secs(2)),
            Fault::Delay(Duration::from_micros(15)),
            Fault::Delay(Duration::ZERO),
            Fault::Cut,
            Fault::Garbage,
            Fault::Crash,
            Fault::Silence,
        ] {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        for name in [
            "",
            "Cut",
            "delay",
            "delay ",
            "delay 5",
            "delay ms",
            "delay 1.5s",
            "delay 5m",
        ] {
            let error = name.parse::<Fault>().unwrap_err();
            assert_eq!(error.name, name);
            assert!(error.to_string().contains("`silence`"), "{error}");
        }
    }
}
