//! The other end of a session, for frames of the test's own.

use plugwire_yamux::{Config, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use support::within;

pub const DATA: u8 = 0;
pub const WINDOW_UPDATE: u8 = 1;
pub const PING: u8 = 2;
pub const GO_AWAY: u8 = 3;

pub const SYN: u16 = 1;
pub const ACK: u16 = 2;
pub const FIN: u16 = 4;
pub const RST: u16 = 8;

/// What a stream may send at first.
pub const WINDOW: u32 = 256 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u16,
    pub stream: u32,
    pub length: u32,
    pub body: Vec<u8>,
}

pub fn encode(kind: u8, flags: u16, stream: u32, length: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[1] = kind;
    bytes[2..4].copy_from_slice(&flags.to_be_bytes());
    bytes[4..8].copy_from_slice(&stream.to_be_bytes());
    bytes[8..].copy_from_slice(&length.to_be_bytes());
    bytes
}

pub struct Raw(pub DuplexStream);

impl Raw {
    /// A client, and the session that is its server.
    pub fn client(config: Config, room: usize) -> (Raw, Session) {
        let (here, there) = tokio::io::duplex(room);
        (Raw(here), Session::server(there, config))
    }

    /// A server, and the session that is its client.
    pub fn server(config: Config, room: usize) -> (Raw, Session) {
        let (here, there) = tokio::io::duplex(room);
        (Raw(here), Session::client(there, config))
    }

    pub async fn send(&mut self, kind: u8, flags: u16, stream: u32, length: u32) {
        within(self.0.write_all(&encode(kind, flags, stream, length)))
            .await
            .unwrap();
    }

    pub async fn data(&mut self, flags: u16, stream: u32, body: &[u8]) {
        self.send(DATA, flags, stream, body.len() as u32).await;
        within(self.0.write_all(body)).await.unwrap();
    }

    pub async fn receive(&mut self) -> Frame {
        within(self.0.read_u8()).await.unwrap();
        let mut header = [0; 12];
        within(self.0.read_exact(&mut header[1..])).await.unwrap();
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
            within(self.0.read_exact(&mut frame.body)).await.unwrap();
        }
        frame
    }
}
