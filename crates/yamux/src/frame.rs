//! The header that every frame begins with.
//!
//! Twelve bytes, numbers in network order: version, type, flags, stream, length. Only data frames
//! have a body, of that length; the others use the field for a number of their own. (`const.go` of
//! `hashicorp/yamux`)

/// How long a header is, in bytes.
pub(super) const HEADER: usize = 12;

/// There never was another.
const VERSION: u8 = 0;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Bytes of a stream.
    Data,
    /// So many more bytes of a stream may be sent.
    WindowUpdate,
    /// Is the peer there? With SYN a question, with ACK its answer.
    Ping,
    /// No more streams are accepted.
    GoAway,
}

/// The stream is new.
pub(super) const SYN: u16 = 1;
/// The stream is accepted.
pub(super) const ACK: u16 = 2;
/// The sender has nothing more to say on the stream.
pub(super) const FIN: u16 = 4;
/// The stream is given up.
pub(super) const RST: u16 = 8;

/// Why a peer says that it goes.
pub(super) const GO_AWAY_NORMAL: u32 = 0;
pub(super) const GO_AWAY_PROTOCOL_ERROR: u32 = 1;
pub(super) const GO_AWAY_INTERNAL_ERROR: u32 = 2;

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) flags: u16,
    pub(super) stream: u32,
    /// How many bytes follow, or the number that the frame tells.
    pub(super) length: u32,
}

/// What twelve bytes that are no header have instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeaderError {
    #[error("protocol version {0}, where 0 is the only one")]
    Version(u8),
    #[error("message type {0}, where 3 is the last one")]
    Kind(u8),
}

impl Header {
    pub(super) fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn encode(self) -> [u8; HEADER] {
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

    pub(super) fn decode(bytes: [u8; HEADER]) -> Result<Header, HeaderError> {
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
