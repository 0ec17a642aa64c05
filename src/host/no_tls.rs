//! What stands in for TLS where the crate's feature `tls` is off.

use std::io;

use super::error::LaunchError;
use crate::handshake::{HandshakeError, HandshakeLine};

/// There is none to choose.
pub(super) enum Tls {}

/// There is none to configure.
pub(super) enum TlsConfig {}

impl TlsConfig {
    pub(super) async fn connect<T>(&self, _: T) -> io::Result<T> {
        match *self {}
    }
}

pub(super) struct TlsSetup;

impl TlsSetup {
    pub(super) async fn prepare(tls: Option<Tls>, _: bool) -> Result<Self, LaunchError> {
        match tls {
            Some(tls) => match tls {},
            None => Ok(Self),
        }
    }

    pub(super) fn client_cert(&self) -> Option<&str> {
        None
    }

    pub(super) fn for_plugin(
        self,
        line: &HandshakeLine,
    ) -> Result<Option<TlsConfig>, HandshakeError> {
        match line.server_cert {
            Some(_) => Err(HandshakeError::UnexpectedServerCert),
            None => Ok(None),
        }
    }
}
