//! The header that every frame begins with.
//!
//! Twelve bytes, numbers in network order: version, type, flags, stream, length. Only data frames
//! have a body, of that length; the others use the field for a number of their own. (`const.go` of
//! `hashicorp/yamux`)

/// The length of a header, in bytes.
pub const HEADER: usize = 12;

/// How much of a stream a side may send before the other has read any of it, in bytes.
pub const WINDOW: u32 = 256 * 1024;

/// How many streams may wait for the peer's ACK. In Go it is the accept backlog of both sides.
pub const UNACKNOWLEDGED: usize = 256;

/// The only version of the protocol.
const VERSION: u8 = 0;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes of a stream.
    Data,
    /// So many more bytes of a stream may be sent.
    WindowUpdate,
    /// With SYN a question for a sign of life, with ACK its answer.
    Ping,
    /// No more streams are accepted.
    GoAway,
}

/// The stream is new.
pub const SYN: u16 = 1;
/// The stream is accepted.
pub const ACK: u16 = 2;
/// The sender sends no more data on the stream.
pub const FIN: u16 = 4;
/// The sender gives up the stream.
pub const RST: u16 = 8;

/// A GoAway's reason: the peer accepts no more streams.
pub const GO_AWAY_NORMAL: u32 = 0;
/// A GoAway's reason: this side broke the protocol's rules.
pub const GO_AWAY_PROTOCOL_ERROR: u32 = 1;
/// A GoAway's reason: the peer failed.
pub const GO_AWAY_INTERNAL_ERROR: u32 = 2;

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is for.
    pub kind: Kind,
    /// [`SYN`], [`ACK`], [`FIN`] and [`RST`].
    pub flags: u16,
    /// The number of the stream, or 0 for a frame of the whole session.
    pub stream: u32,
    /// The length of the body that follows, or the number that the frame carries.
    pub length: u32,
}

/// Why twelve bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The first byte is another version.
    #[error("protocol version {0}, where 0 is the only one")]
    Version(u8),
    /// The second byte is no kind of frame.
    #[error("message type {0}, where 3 is the last one")]
    Kind(u8),
}

impl Header {
    /// Whether any of the flags is set.
    #[must_use]
    pub fn has(self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// The header's bytes.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = VERSION;
        bytes[1] = match self.kind {
            Kind::Data => 0,
            Kind::WindowUpdate => 1,
            Kind::Ping => 2,
            Kind::GoAway => 3,
        };
        bytes[2..4].copy_from_slice(&self.flags.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.stream.to_be_bytes());
        bytes[8..].copy_from_slice(&self.length.to_be_bytes());
        bytes
    }

    /// The header that these bytes are.
    ///
    /// # Errors
    ///
    /// Where the version or the type is unknown. Flags that are unknown are ignored, as Go does.
    pub fn decode(bytes: [u8; HEADER]) -> Result<Header, HeaderError> {
        let [version, kind, f0, f1, s0, s1, s2, s3, l0, l1, l2, l3] = bytes;
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        Ok(Header {
            kind: match kind {
                0 => Kind::Data,
                1 => Kind::WindowUpdate,
                2 => Kind::Ping,
                3 => Kind::GoAway,
                other => return Err(HeaderError::Kind(other)),
            },
            flags: u16::from_be_bytes([f0, f1]),
            stream: u32::from_be_bytes([s0, s1, s2, s3]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        })
    }

    /// The header of a data frame with a body of `n` bytes.
    pub(crate) fn data(stream: u32, n: usize) -> [u8; HEADER] {
        let header = Header {
            kind: Kind::Data,
            flags: 0,
            stream,
            length: n as u32,
        };
        header.encode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for kind in [Kind::Data, Kind::WindowUpdate, Kind::Ping, Kind::GoAway] {
            let header = Header {
                kind,
                flags: SYN | RST,
                stream: 0x0102_0304,
                length: 0xa0b0_c0d0,
            };
            assert_eq!(Header::decode(header.encode()), Ok(header));
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let header = Header {
            kind: Kind::WindowUpdate,
            flags: ACK | FIN,
            stream: 3,
            length: 0x4_0000,
        };
        assert_eq!(header.encode(), [0, 1, 0, 6, 0, 0, 0, 3, 0, 4, 0, 0]);
    }

    #[test]
    fn other_versions_and_types_are_refused() {
        assert_eq!(
            Header::decode(*b"HTTP/1.1 400"),
            Err(HeaderError::Version(b'H'))
        );
        let mut bytes = [0; HEADER];
        bytes[1] = 4;
        assert_eq!(Header::decode(bytes), Err(HeaderError::Kind(4)));
    }
}
