//! The headers of net/rpc's messages. (Go: `net/rpc/server.go`)
//!
//! Each has two forms. The first is Go's, and all that a peer sees which did not agree to more. The
//! extended form has further fields behind Go's. It is sent only where one of them says something,
//! and read always: what is left out is zero. Their names begin with `Plugwire`, so that they are
//! no other extension's.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, FlatField, Header, Undecoded};
use crate::gob::Encoder;

/// The method that ends a call, by the number in [`ExtendedRequest::cancel`]. It has no reply.
pub(super) const CANCEL: &str = "plugwire.Cancel";

/// The method that asks for a stream on which deadlines, cancels and traces travel. Its reply is a
/// broker id. It is for peers whose other streams are served by net/rpc itself, as in Go.
pub(crate) const ASK: &str = "Plugin.PlugwireCalls";

/// In [`ExtendedResponse::detail`]: the body is a [`Detail`](super::detail::Detail).
pub(super) const DETAIL: u64 = 1;

/// The header of a call's argument.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Request<'a> {
    pub(super) service_method: &'a str,
    pub(super) seq: u64,
}

/// The same, with what peers agreed on that know `calls`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename = "Request", rename_all = "PascalCase")]
pub(super) struct ExtendedRequest<'a> {
    pub(super) service_method: &'a str,
    pub(super) seq: u64,
    /// The time that is left for the call, in nanoseconds. Zero is no deadline. One that has
    /// passed is negative.
    #[serde(default, rename = "PlugwireDeadline")]
    pub(super) deadline: i64,
    /// The trace that the call is part of, in the form of W3C's `traceparent`.
    #[serde(default, rename = "PlugwireTrace")]
    pub(super) trace: &'a str,
    /// The number of the call that [`CANCEL`] ends: one of the same connection.
    #[serde(default, rename = "PlugwireCancel")]
    pub(super) cancel: u64,
    /// The words agreed on, in the requests of the control stream until one was answered.
    #[serde(default, rename = "PlugwireWords")]
    pub(super) words: &'a str,
}

/// The header of a call's reply.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response<'a> {
    pub(super) service_method: &'a str,
    pub(super) seq: u64,
    pub(super) error: &'a str,
}

/// The same, for a request that wanted more.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename = "Response", rename_all = "PascalCase")]
pub(super) struct ExtendedResponse<'a> {
    pub(super) service_method: &'a str,
    pub(super) seq: u64,
    pub(super) error: &'a str,
    /// What the body beside an error is: zero is Go's empty struct.
    #[serde(default, rename = "PlugwireDetail")]
    pub(super) detail: u64,
}

/// Go's `struct{}`: the reply of a method without a result, and the body beside an error. It has no
/// name there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "")]
pub struct Empty {}

/// The fields of a request's header in Go's form.
const REQUEST: [&str; 2] = ["ServiceMethod", "Seq"];

/// The same of a response's.
const RESPONSE: [&str; 3] = ["ServiceMethod", "Seq", "Error"];

impl Header for Request<'_> {
    type Value = Self;

    fn value(&self) -> &Self {
        self
    }

    fn encode_flat(&self, gob: &mut Encoder, out: &mut BytesMut) -> bool {
        let fields = [
            FlatField::Text(self.service_method),
            FlatField::Uint(self.seq),
        ];
        gob.encode_flat::<Self>(&fields, out)
    }
}

impl Header for Response<'_> {
    type Value = Self;

    fn value(&self) -> &Self {
        self
    }

    fn encode_flat(&self, gob: &mut Encoder, out: &mut BytesMut) -> bool {
        let fields = [
            FlatField::Text(self.service_method),
            FlatField::Uint(self.seq),
            FlatField::Text(self.error),
        ];
        gob.encode_flat::<Self>(&fields, out)
    }
}

impl Header for ExtendedRequest<'_> {
    type Value = Self;

    fn value(&self) -> &Self {
        self
    }
}

impl Header for ExtendedResponse<'_> {
    type Value = Self;

    fn value(&self) -> &Self {
        self
    }
}

impl<'a> ExtendedRequest<'a> {
    /// Reads a header in either form.
    pub(super) fn of(header: &'a Undecoded) -> Result<Self, DecodeError> {
        let mut fields = [FlatField::Text(""), FlatField::Uint(0)];
        if header.read_flat(&REQUEST, &mut fields)
            && let [FlatField::Text(service_method), FlatField::Uint(seq)] = fields
        {
            return Ok(ExtendedRequest::new(service_method, seq));
        }
        header.decode()
    }

    pub(super) fn new(service_method: &'a str, seq: u64) -> Self {
        ExtendedRequest {
            service_method,
            seq,
            ..ExtendedRequest::default()
        }
    }

    /// Whether Go's two fields say all there is.
    pub(super) fn is_plain(&self) -> bool {
        let ExtendedRequest {
            service_method: _,
            seq: _,
            deadline,
            trace,
            cancel,
            words,
        } = self;
        *deadline == 0 && trace.is_empty() && *cancel == 0 && words.is_empty()
    }

    pub(super) fn plain(&self) -> Request<'a> {
        Request {
            service_method: self.service_method,
            seq: self.seq,
        }
    }
}

impl<'a> ExtendedResponse<'a> {
    /// As [`ExtendedRequest::of`].
    pub(super) fn of(header: &'a Undecoded) -> Result<Self, DecodeError> {
        let mut fields = [FlatField::Text(""), FlatField::Uint(0), FlatField::Text("")];
        if header.read_flat(&RESPONSE, &mut fields)
            && let [
                FlatField::Text(service_method),
                FlatField::Uint(seq),
                FlatField::Text(error),
            ] = fields
        {
            return Ok(ExtendedResponse {
                service_method,
                seq,
                error,
                detail: 0,
            });
        }
        header.decode()
    }
}
