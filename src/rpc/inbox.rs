//! The receiving side of a connection: bytes in, messages out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;

use super::io::BoxRead;
use super::message::{ExtendedRequest, ExtendedResponse};
use crate::codec::{CallConfig, DecodeError, Message, MessageDecoder, Undecoded};
use crate::event::Tally;
use crate::tuning::rpc::{LARGE_READ, SMALL_READ};

pub(super) struct Inbox {
    io: BoxRead,
    decoder: MessageDecoder,
    buffer: BytesMut,
    room: usize,
    is_header: IsHeader,
    /// Whether the header that waits for its body has been checked.
    checked: bool,
    /// How many bytes of the message that arrives have been taken.
    taken: usize,
    tally: Arc<Tally>,
}

/// Whether a value is a header of the kind expected.
type IsHeader = fn(&Undecoded) -> Result<(), DecodeError>;

/// Why no more messages come.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    /// The peer finished, between two messages or within one. With an error, the session under the
    /// stream ended.
    #[error("EOF")]
    Eof(Option<io::Error>),
    /// The peer's bytes are no messages, or the stream failed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl Inbox {
    /// The inbox of a server.
    pub(super) fn of_requests(io: BoxRead, config: CallConfig, tally: Arc<Tally>) -> Self {
        Self::new(io, config, tally, |header| {
            header.decode::<ExtendedRequest<'_>>().map(drop)
        })
    }

    /// The inbox of a client.
    pub(super) fn of_replies(io: BoxRead, config: CallConfig, tally: Arc<Tally>) -> Self {
        Self::new(io, config, tally, |header| {
            header.decode::<ExtendedResponse<'_>>().map(drop)
        })
    }

    fn new(io: BoxRead, config: CallConfig, tally: Arc<Tally>, is_header: IsHeader) -> Self {
        Inbox {
            io,
            decoder: MessageDecoder::new(config),
            buffer: BytesMut::new(),
            room: SMALL_READ,
            is_header,
            checked: false,
            taken: 0,
            tally,
        }
    }

    /// The next message.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message, ReceiveError>> {
        loop {
            if !self.buffer.is_empty() {
                let before = self.buffer.len();
                let decoded = self.decoder.decode(&mut self.buffer)?;
                let taken = before - self.buffer.len();
                self.taken = self.taken.saturating_add(taken);
                self.tally.received_bytes.add(taken);
                if let Some(message) = decoded {
                    self.checked = false;
                    self.tally.received.add(1);
                    return Poll::Ready(Ok(message));
                }
            }
            self.check_header()?;
            self.buffer.reserve(self.room);
            let n = ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut self.buffer))
                .map_err(ReceiveError::from_io)?;
            if n == 0 {
                return Poll::Ready(Err(ReceiveError::Eof(None)));
            }
            if n >= self.room {
                self.room = (self.room * 4).min(LARGE_READ);
            } else if n < SMALL_READ {
                self.room = SMALL_READ;
            }
        }
    }

    /// How many bytes the messages had that came since this was last asked.
    pub(super) fn take_size(&mut self) -> usize {
        std::mem::take(&mut self.taken)
    }

    /// Fails at an invalid header as soon as it is complete, as Go does, since its body may never
    /// come. A Go peer that could not encode a body has sent its header alone: the next header is
    /// then read as the body, and everything after it wrongly too.
    fn check_header(&mut self) -> Result<(), DecodeError> {
        if !self.checked
            && let Some(header) = self.decoder.header()
        {
            (self.is_header)(header)?;
            self.checked = true;
        }
        Ok(())
    }
}

impl ReceiveError {
    /// To a connection, a session that ended under the stream is the peer's end too, as in Go.
    fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => {
                ReceiveError::Eof(Some(error))
            }
            _ => ReceiveError::Decode(error.into()),
        }
    }
}
