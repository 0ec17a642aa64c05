//! TLS on a connection, and AutoMTLS: host and plugin make a certificate each, give it to the other
//! at launch, and accept no other. (go-plugin: `mtls.go`)
//!
//! The host's certificate goes into the plugin's environment as PEM, the plugin's into the
//! handshake line as DER in base64. The private keys stay where they were made, in memory.
//!
//! [`Connector`] and [`Acceptor`] exist without the crate's feature `tls` too, as types without
//! values, so that the code that uses them is the same.

#[cfg(feature = "tls")]
mod certificate;
#[cfg(not(feature = "tls"))]
mod disabled;
#[cfg(feature = "tls")]
mod pinned;
#[cfg(feature = "tls")]
mod stream;

#[cfg(feature = "tls")]
pub(crate) use certificate::{OneTime, from_field, from_pem};
#[cfg(not(feature = "tls"))]
pub(crate) use disabled::{Acceptor, Connector};
#[cfg(feature = "tls")]
pub(crate) use stream::{Acceptor, Connector};
