//! What stands in for TLS where the crate's feature `tls` is off.

use std::ffi::OsStr;
use std::io;

use super::serve::ServeError;
use crate::InvalidOption;

/// There is nothing to set.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsOptions(());

/// There is none to accept connections.
#[derive(Clone)]
pub(super) enum Acceptor {}

/// What the plugin says and does about TLS: nothing.
pub(super) struct Security {
    pub(super) acceptor: Option<Acceptor>,
    pub(super) server_cert: Option<String>,
}

impl Acceptor {
    pub(super) async fn accept<T>(&self, _: T) -> io::Result<T> {
        match *self {}
    }
}

impl TlsOptions {
    pub(super) fn check(&self) -> Result<(), InvalidOption> {
        Ok(())
    }

    /// A host that asked for AutoMTLS will not speak without it.
    pub(super) fn for_host(&self, client_cert: Option<&OsStr>) -> Result<Security, ServeError> {
        match client_cert {
            Some(_) => Err(ServeError::NoTls),
            None => Ok(self.configured()),
        }
    }

    pub(super) fn configured(&self) -> Security {
        Security {
            acceptor: None,
            server_cert: None,
        }
    }
}
