//! What goes over one stream: calls and their answers, or bytes.

use std::fmt;

use bytes::BytesMut;
use serde::Deserialize;
use tokio_util::codec::Decoder;

use super::text::{Bytes, SHOWN, Shown};
use crate::codec::{CallConfig, Codec, Limits, Message, MessageDecoder, Undecoded};
use crate::gob::Value;

/// The longest message that is recorded, in bytes. A longer one, or any bytes that look like one,
/// are shown as bytes.
const LONGEST: usize = 16 << 20;

/// Both directions of a stream.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    asked: Messages,
    answered: Messages,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    seq: u64,
    method: String,
    argument: String,
    answer: Option<String>,
}

/// One direction: messages, or any bytes.
#[derive(Debug, Default)]
struct Messages {
    /// `None` until the first byte is there, which shows the codec.
    decoder: Option<MessageDecoder>,
    unread: BytesMut,
    /// The first bytes, and how many there are of all: for a stream that has no messages.
    raw: Vec<u8>,
    length: usize,
    read: usize,
    broken: bool,
}

/// The headers of a request and of a response. What newer peers add is not shown.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Header {
    service_method: String,
    seq: u64,
    error: String,
    #[serde(rename = "PlugwireCancel")]
    cancel: u64,
}

impl Messages {
    fn next(&mut self) -> Option<(Header, Message)> {
        let first = *self.unread.first()?;
        let decoder = self.decoder.get_or_insert_with(|| {
            // A map, where gob begins with a length.
            let is_map = matches!(first, 0x80..=0x8f | 0xde | 0xdf);
            let codec = if is_map { Codec::Rich } else { Codec::Gob };
            let limits = Limits::default().max_message(LONGEST);
            MessageDecoder::new(CallConfig::new(codec).limits(limits))
        });
        let message = match decoder.decode(&mut self.unread) {
            Ok(message) => message?,
            Err(_) => return self.give_up(),
        };
        let Ok(header) = message.header.decode::<Header>() else {
            return self.give_up();
        };
        self.read += 1;
        Some((header, message))
    }

    fn give_up<T>(&mut self) -> Option<T> {
        self.broken = true;
        self.unread = BytesMut::new();
        None
    }

    fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        let room = SHOWN.saturating_sub(self.raw.len()).min(bytes.len());
        self.raw.extend_from_slice(&bytes[..room]);
        if !self.broken {
            self.unread.extend_from_slice(bytes);
        }
    }
}

fn body(body: &Undecoded) -> String {
    match body.decode::<Value>() {
        Ok(value) => Shown(&value).to_string(),
        Err(_) => "a value that does not decode".to_owned(),
    }
}

impl Exchange {
    /// Takes bytes of the side that calls. Returns the methods called.
    pub(super) fn asked(&mut self, bytes: &[u8]) -> Vec<String> {
        self.asked.push(bytes);
        let mut called = Vec::new();
        while let Some((header, message)) = self.asked.next() {
            if header.cancel != 0 || header.service_method == "plugwire.Cancel" {
                let cancelled = |call: &&mut Call| call.seq == header.cancel;
                if let Some(call) = self.calls.iter_mut().rev().find(cancelled) {
                    call.answer.get_or_insert_with(|| "cancelled".to_owned());
                }
                continue;
            }
            called.push(header.service_method.clone());
            self.calls.push(Call {
                seq: header.seq,
                method: header.service_method,
                argument: body(&message.body),
                answer: None,
            });
        }
        called
    }

    /// Takes bytes of the side that answers.
    pub(super) fn answered(&mut self, bytes: &[u8]) {
        self.answered.push(bytes);
        while let Some((header, message)) = self.answered.next() {
            let answer = match &*header.error {
                "" => body(&message.body),
                error => format!("error {error:?}"),
            };
            let asked = |call: &&mut Call| call.seq == header.seq;
            match self.calls.iter_mut().rev().find(asked) {
                Some(call) => call.answer = Some(answer),
                None => self.calls.push(Call {
                    seq: header.seq,
                    method: format!("{}, which was not called,", header.service_method),
                    argument: String::new(),
                    answer: Some(answer),
                }),
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.asked.length == 0 && self.answered.length == 0
    }

    /// Writes a line for each call, or for the bytes of each direction.
    pub(super) fn fmt(
        &self,
        f: &mut fmt::Formatter<'_>,
        asked: Option<&str>,
        answered: Option<&str>,
    ) -> fmt::Result {
        for call in &self.calls {
            write!(f, "  {} {}", call.method, call.argument)?;
            match &call.answer {
                Some(answer) => writeln!(f, " = {answer}")?,
                None => writeln!(f, ", no answer")?,
            }
        }
        if !self.calls.is_empty() {
            return Ok(());
        }
        for (arrow, messages, end) in [("->", &self.asked, asked), ("<-", &self.answered, answered)]
        {
            if messages.length == 0 && end.is_none() {
                continue;
            }
            let Messages { raw, length, .. } = messages;
            write!(f, "  {arrow} {}", Bytes(raw, *length))?;
            match end {
                Some(end) => writeln!(f, ", {end}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
