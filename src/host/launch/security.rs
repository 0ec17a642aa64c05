//! How a launch secures the connection to its plugin.

#[cfg(feature = "tls")]
use std::io;

use crate::handshake::{HandshakeError, HandshakeLine};
use crate::host::config::ClientConfig;
use crate::host::error::LaunchError;
use crate::host::launchable::Starter;
#[cfg(feature = "tls")]
use crate::host::tls::Tls;
use crate::tls::Connector;
#[cfg(feature = "tls")]
use crate::tls::{self, OneTime};

/// What the host has prepared before the plugin is started.
pub(super) enum Security {
    Off,
    #[cfg(feature = "tls")]
    AutoMtls(OneTime),
    #[cfg(feature = "tls")]
    Configured(Connector),
}

impl Security {
    /// Makes the host's certificate for AutoMTLS.
    #[cfg(feature = "tls")]
    pub(super) async fn prepare(
        config: &mut ClientConfig,
        starter: &Starter,
    ) -> Result<Self, LaunchError> {
        match config.tls.take() {
            None => Ok(Self::Off),
            Some(Tls::Config(config)) => Ok(Self::Configured(config.into())),
            Some(Tls::AutoMtls) if starter.detached => Err(LaunchError::DetachedAutoMtls),
            Some(Tls::AutoMtls) => {
                // The first of a process gathers entropy for 40 ms, and other tasks should not
                // wait.
                let own = tokio::task::spawn_blocking(OneTime::generate).await;
                let own = own.map_err(|panicked| LaunchError::ClientCert(panicked.into()))?;
                let failed = |error| LaunchError::ClientCert(io::Error::other(error));
                Ok(Self::AutoMtls(own.map_err(failed)?))
            }
        }
    }

    #[cfg(not(feature = "tls"))]
    pub(super) async fn prepare(_: &mut ClientConfig, _: &Starter) -> Result<Self, LaunchError> {
        Ok(Self::Off)
    }

    /// The certificate that the plugin gets in its environment, as PEM.
    pub(super) fn client_cert(&self) -> Option<&str> {
        match self {
            #[cfg(feature = "tls")]
            Self::AutoMtls(own) => Some(own.pem()),
            _ => None,
        }
    }

    /// What secures the connection to a plugin that answered with this line. `None` is plain text.
    pub(super) fn with_plugin(
        self,
        line: &HandshakeLine,
    ) -> Result<Option<Connector>, HandshakeError> {
        match (self, &line.server_cert) {
            (Self::Off, None) => Ok(None),
            #[cfg(feature = "tls")]
            (Self::Configured(connector), None) => Ok(Some(connector)),
            #[cfg(feature = "tls")]
            (Self::AutoMtls(_), None) => Err(HandshakeError::MissingServerCert),
            #[cfg(feature = "tls")]
            (Self::AutoMtls(own), Some(field)) => {
                let unusable = |reason| HandshakeError::ServerCert {
                    field: field.clone(),
                    reason,
                };
                let plugin = tls::from_field(field).map_err(unusable)?;
                let connector = Connector::pinned(own, plugin);
                connector
                    .map(Some)
                    .map_err(|error| unusable(error.to_string()))
            }
            (_, Some(_)) => Err(HandshakeError::UnexpectedServerCert),
        }
    }
}
