//! The headers of net/rpc's messages. (Go: `net/rpc/server.go`)

use serde::{Deserialize, Serialize};

/// What precedes a call's argument.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request<'a> {
    pub(super) service_method: &'a str,
    pub(super) seq: u64,
}

/// What precedes a call's reply.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response<'a> {
    pub(super) service_method: &'a str,
    pub(super) seq: u64,
    pub(super) error: &'a str,
}

/// Go's `struct{}`: the reply of a method with nothing to say, and what stands beside an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}
