//! The bytes of the stream rows: reproducible, in blocks that tell their number, so that a reader
//! notices what is missing, doubled or out of order. Reading looks at one byte of each page, which
//! costs nothing beside the copy that is measured. `go/bench/pattern.go` is the same.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::types::Digest;

/// What every contender writes and reads at a time.
pub const BLOCK: usize = 64 * 1024;
const PAGE: usize = 4096;

pub struct Pattern {
    block: Vec<u8>,
    next: u64,
    left: u64,
}

impl Pattern {
    pub fn new(bytes: u64) -> Self {
        let mut x = 2_463_534_242_u32;
        let block = (0..BLOCK)
            .map(|_| {
                x ^= x << 13;
                x ^= x >> 17;
                x ^= x << 5;
                x as u8
            })
            .collect();
        Self {
            block,
            next: 0,
            left: bytes,
        }
    }

    /// The next block; empty at the end.
    pub fn next_block(&mut self) -> &[u8] {
        self.block[..8].copy_from_slice(&self.next.to_le_bytes());
        self.next += 1;
        let len = self.left.min(BLOCK as u64);
        self.left -= len;
        &self.block[..len as usize]
    }

    /// What a reader of the whole has to come to.
    pub fn digest(bytes: u64) -> Digest {
        let mut pattern = Pattern::new(bytes);
        let mut digest = Digest::default();
        loop {
            match pattern.next_block() {
                [] => return digest,
                block => digest.update(block),
            }
        }
    }

    pub async fn write_to(bytes: u64, mut to: impl AsyncWrite + Unpin) -> io::Result<Digest> {
        let mut pattern = Pattern::new(bytes);
        let mut digest = Digest::default();
        loop {
            match pattern.next_block() {
                [] => break,
                block => {
                    digest.update(block);
                    to.write_all(block).await?;
                }
            }
        }
        to.shutdown().await?;
        Ok(digest)
    }
}

impl Digest {
    pub fn update(&mut self, chunk: &[u8]) {
        let past_page = (self.bytes % PAGE as u64) as usize;
        let first = (PAGE - past_page) % PAGE;
        for byte in chunk.iter().skip(first).step_by(PAGE) {
            self.sum = self.sum.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
        self.bytes += chunk.len() as u64;
    }

    pub async fn of(mut from: impl AsyncRead + Unpin) -> io::Result<Digest> {
        let mut digest = Digest::default();
        let mut buffer = vec![0; BLOCK];
        loop {
            match from.read(&mut buffer).await? {
                0 => return Ok(digest),
                n => digest.update(&buffer[..n]),
            }
        }
    }
}
