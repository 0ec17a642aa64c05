//! yamux frames, encoded and decoded by hand: for peers that a test plays itself.

use std::io::{self, Read};

use tokio::io::{AsyncRead, AsyncReadExt};

// Types of frames.
pub const DATA: u8 = 0;
pub const WINDOW_UPDATE: u8 = 1;
pub const PING: u8 = 2;
pub const GO_AWAY: u8 = 3;

// Flags.
pub const SYN: u16 = 1;
pub const ACK: u16 = 2;
pub const FIN: u16 = 4;
pub const RST: u16 = 8;

/// How many bytes a header has.
pub const HEADER: usize = 12;

/// How many bytes a stream may carry before the receiver grants more.
pub const WINDOW: u32 = 256 * 1024;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u16,
    pub stream: u32,
    /// The body's length, or the number that the frame carries.
    pub length: u32,
    /// Empty but for data.
    pub body: Vec<u8>,
}

impl Frame {
    /// The frame with this header. A body of the right size is still to be filled.
    fn with_header(header: [u8; HEADER]) -> Frame {
        let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
        let (kind, length) = (header[1], number(8));
        Frame {
            kind,
            flags: u16::from_be_bytes([header[2], header[3]]),
            stream: number(4),
            length,
            body: match kind {
                DATA => vec![0; length as usize],
                _ => Vec::new(),
            },
        }
    }

    /// Reads a frame from a blocking reader.
    ///
    /// # Errors
    ///
    /// The reader's, such as its timeout or its end.
    pub fn read_from(reader: &mut impl Read) -> io::Result<Frame> {
        let mut header = [0; HEADER];
        reader.read_exact(&mut header)?;
        let mut frame = Frame::with_header(header);
        reader.read_exact(&mut frame.body)?;
        Ok(frame)
    }

    /// Receives a frame from a reader of tokio.
    ///
    /// # Errors
    ///
    /// The reader's, such as its end.
    pub async fn receive_from(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
        let mut header = [0; HEADER];
        reader.read_exact(&mut header).await?;
        let mut frame = Frame::with_header(header);
        reader.read_exact(&mut frame.body).await?;
        Ok(frame)
    }

    /// Splits whole frames off the beginning of `bytes`, and leaves the part of one.
    pub fn take_from(bytes: &mut Vec<u8>) -> Vec<Frame> {
        let (mut rest, mut frames) = (bytes.as_slice(), Vec::new());
        let left = loop {
            let left = rest.len();
            match Frame::read_from(&mut rest) {
                Ok(frame) => frames.push(frame),
                Err(_) => break left,
            }
        };
        bytes.drain(..bytes.len() - left);
        frames
    }

    /// The frame's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = header(self.kind, self.flags, self.stream, self.length).to_vec();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The header of a frame. `length` is the body's, or the number that the frame carries.
pub fn header(kind: u8, flags: u16, stream: u32, length: u32) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[1] = kind;
    bytes[2..4].copy_from_slice(&flags.to_be_bytes());
    bytes[4..8].copy_from_slice(&stream.to_be_bytes());
    bytes[8..].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// A data frame with its body.
pub fn data(flags: u16, stream: u32, body: &[u8]) -> Vec<u8> {
    let mut frame = header(DATA, flags, stream, body.len() as u32).to_vec();
    frame.extend_from_slice(body);
    frame
}
