//! Checks a configuration before anything is done with it.

use std::ffi::OsStr;
use std::path::Path;

use super::config::ClientConfig;
use super::dial::is_dialable;
use super::options::Options;
use super::reattach::AttachConfig;
#[cfg(feature = "tls")]
use super::tls::Tls;
use crate::InvalidOption;
use crate::handshake::Address;
use crate::sys::socket_path;
use crate::tuning::host as tuning;

impl ClientConfig {
    /// Finds the first option that is invalid.
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        self.handshake.check()?;
        self.options.check()?;
        if self.versions.is_empty() {
            let expected = "at least one app version";
            return Err(InvalidOption::new("versions", &self.versions, expected));
        }
        for (key, value) in &self.env {
            check_variable(key, value)?;
        }
        if *self.ports.start() == 0 || self.ports.is_empty() {
            let expected = "a range from the lowest port, 1 or more, to the highest";
            return Err(InvalidOption::new("ports", &self.ports, expected));
        }
        if self.log_buffer < tuning::LEAST_LOG_BUFFER {
            let (option, expected) = ("plugin_log_buffer_size", "16 bytes or more");
            return Err(InvalidOption::new(option, self.log_buffer, expected));
        }
        #[cfg(unix)]
        if let Some(unix_socket) = &self.unix_socket {
            unix_socket.check()?;
        }
        Ok(())
    }
}

impl ClientConfig {
    /// The same, for one that is launched again and again.
    pub(super) fn check_again(&self) -> Result<(), InvalidOption> {
        self.check()?;
        if self.survival.is_some() {
            self.launch.check_survival()?;
            #[cfg(feature = "tls")]
            if matches!(self.tls, Some(Tls::AutoMtls)) {
                let expected = "TLS by certificates, with which the next host can reattach";
                return Err(InvalidOption::new("tls", "AutoMtls", expected));
            }
        }
        self.launch.check_again()
    }
}

impl AttachConfig {
    /// Finds the first option that is invalid.
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        self.options.check()?;
        if self.reattach.pid == Some(0) {
            let expected = "the number of a process, or none";
            return Err(InvalidOption::new("ReattachConfig::pid", 0, expected));
        }
        check_address(&self.reattach.address)
    }
}

impl Options {
    fn check(&self) -> Result<(), InvalidOption> {
        InvalidOption::check_duration("start_timeout", self.start_timeout)?;
        InvalidOption::check_duration("dial_timeout", self.dial_timeout)?;
        self.connection().check()
    }
}

/// Whether an environment can hold a variable.
fn check_variable(key: &OsStr, value: &OsStr) -> Result<(), InvalidOption> {
    let name = key.as_encoded_bytes();
    if name.is_empty() || name.contains(&b'=') || name.contains(&0) {
        let expected = "a name without '=' and NUL, of at least one character";
        return Err(InvalidOption::new("env", key, expected));
    }
    let value = value.as_encoded_bytes();
    if value.contains(&0) {
        let given = format!("{key:?} with a value of {} bytes", value.len());
        return Err(InvalidOption::with_text(
            "env",
            given,
            "a value without NUL",
        ));
    }
    Ok(())
}

fn check_address(address: &Address) -> Result<(), InvalidOption> {
    let option = "ReattachConfig::address";
    match address {
        Address::Unix(path) if !is_socket_path(path) => {
            let expected = if cfg!(any(target_os = "linux", target_os = "android")) {
                "the path of a socket: 1 to 107 bytes, without NUL"
            } else {
                "the path of a socket: 1 to 103 bytes, without NUL"
            };
            Err(InvalidOption::new(option, path, expected))
        }
        Address::Tcp(text) if !is_dialable(text) => {
            let expected =
                "HOST:PORT or :PORT, with a port from 1 to 65535 or the name of a service";
            Err(InvalidOption::new(option, text, expected))
        }
        Address::Unix(_) | Address::Tcp(_) => Ok(()),
    }
}

fn is_socket_path(path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    (1..=socket_path::LONGEST).contains(&path.len()) && !path.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for good in [
            "localhost:1",
            "127.0.0.1:4000",
            "[::1]:65535",
            "plugins.example:80",
            ":4000",
            "[fe80::1%eth0]:4000",
            "plugins.example:https",
        ] {
            assert!(check_address(&Address::Tcp(good.into())).is_ok(), "{good}");
        }
        assert!(check_address(&Address::Unix("/tmp/plugin1".into())).is_ok());
        let longest = "x".repeat(socket_path::LONGEST);
        assert!(check_address(&Address::Unix(longest.clone().into())).is_ok());
        assert!(check_address(&Address::Unix((longest + "x").into())).is_err());
    }
}
