//! yamux frames by hand, over a blocking socket.

use std::io::{self, Read, Write};

pub const DATA: u8 = 0;
pub const WINDOW_UPDATE: u8 = 1;
pub const PING: u8 = 2;
pub const GO_AWAY: u8 = 3;

pub const SYN: u16 = 1;
pub const ACK: u16 = 2;
pub const FIN: u16 = 4;
pub const RST: u16 = 8;

/// How many bytes a stream may carry before the receiver grants more.
pub const WINDOW: u32 = 256 * 1024;

/// A frame's twelve bytes. `length` is the body's, or the number that the frame carries.
pub fn header(kind: u8, flags: u16, stream: u32, length: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
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

/// A frame as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u16,
    pub stream: u32,
    pub length: u32,
    pub body: Vec<u8>,
}

/// Reads one frame.
///
/// # Errors
///
/// The reader's, such as its timeout or its end.
pub fn read_frame(from: &mut impl Read) -> io::Result<Frame> {
    let mut header = [0; 12];
    from.read_exact(&mut header)?;
    let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
    let mut frame = Frame {
        kind: header[1],
        flags: u16::from_be_bytes([header[2], header[3]]),
        stream: number(4),
        length: number(8),
        body: Vec::new(),
    };
    if frame.kind == DATA {
        frame.body.resize(frame.length as usize, 0);
        from.read_exact(&mut frame.body)?;
    }
    Ok(frame)
}

/// Opens the three streams that every connection begins with: control, stdout, stderr (1, 3, 5).
///
/// # Errors
///
/// The writer's.
pub fn open_three(to: &mut impl Write) -> io::Result<()> {
    for stream in [1, 3, 5] {
        to.write_all(&header(WINDOW_UPDATE, SYN, stream, 0))?;
    }
    to.flush()
}
