//! Stands in for `stream.rs` where the crate's feature `tls` is off.

use std::io;
use std::time::Duration;

/// There is none to connect with.
#[derive(Clone)]
pub(crate) enum Connector {}

impl Connector {
    pub(crate) async fn connect<T>(&self, _: T) -> io::Result<T> {
        match *self {}
    }
}

/// There is none to accept with.
#[derive(Clone)]
pub(crate) enum Acceptor {}

impl Acceptor {
    pub(crate) fn timeout(self, _: Duration) -> Self {
        match self {}
    }

    pub(crate) async fn accept<T>(&self, _: T) -> io::Result<T> {
        match *self {}
    }
}
