//! The receiving side of a connection: bytes in, messages out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::ReadHalf;
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;

use super::BoxIo;
use crate::codec::{Config, DecodeError, Message, MessageDecoder};

/// Room made for the first read: an idle connection holds no more than this.
const SMALL: usize = 1024;

/// Room made for a read once the peer has shown that it sends much.
const LARGE: usize = 64 * 1024;

pub(super) struct Inbox {
    io: ReadHalf<BoxIo>,
    decoder: MessageDecoder,
    buffer: BytesMut,
    room: usize,
}

/// Why no more messages come.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    /// The peer finished, between two messages or within one.
    #[error("EOF")]
    Eof,
    /// The peer's bytes are no messages, or the stream failed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Inbox {
    pub(super) fn new(io: ReadHalf<BoxIo>, config: Config) -> Self {
        Inbox {
            io,
            decoder: MessageDecoder::new(config),
            buffer: BytesMut::new(),
            room: SMALL,
        }
    }

    /// The next message.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message, ReceiveError>> {
        loop {
            if !self.buffer.is_empty()
                && let Some(message) = self.decoder.decode(&mut self.buffer)?
            {
                return Poll::Ready(Ok(message));
            }
            self.buffer.reserve(self.room);
            let n = ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut self.buffer))
                .map_err(ReceiveError::from_io)?;
            if n == 0 {
                return Poll::Ready(Err(ReceiveError::Eof));
            }
            if n >= self.room {
                self.room = (self.room * 4).min(LARGE);
            } else if n < SMALL {
                self.room = SMALL;
            }
        }
    }
}

impl ReceiveError {
    /// A session that ended under the stream is the peer's end too, as in Go.
    fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => ReceiveError::Eof,
            _ => ReceiveError::Decode(error.into()),
        }
    }
}
