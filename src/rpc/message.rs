//! The headers of net/rpc's messages. (Go: `net/rpc/server.go`)

use serde::{Deserialize, Serialize};

/// The header of a call's argument.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request<'a> {
    pub(super) service_method: &'a str,
    pub(super) seq: u64,
}

/// The header of a call's reply.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response<'a> {
    pub(super) service_method: &'a str,
    pub(super) seq: u64,
    pub(super) error: &'a str,
}

/// Go's `struct{}`: the reply of a method without a result, and the body beside an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}
