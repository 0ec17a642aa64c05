//! The bytes that cross in readers and writers, and their digests.

use std::io;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::types::Digest;

/// An endless sequence of bytes that depends on its seed alone.
pub struct Bytes(u32);

impl Bytes {
    pub fn new(seed: u32) -> Self {
        Bytes(seed)
    }

    pub fn fill(&mut self, buffer: &mut [u8]) {
        for four in buffer.chunks_mut(4) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            four.copy_from_slice(&self.0.to_le_bytes()[..four.len()]);
        }
    }
}

/// Writes `total` bytes of the seed's sequence in pieces of `chunk`, and finishes.
pub async fn write_all<W>(mut to: W, seed: u32, total: i64, chunk: i64) -> io::Result<Digest>
where
    W: AsyncWrite + Unpin,
{
    let mut bytes = Bytes::new(seed);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; chunk as usize];
    let mut left = total as usize;
    while left > 0 {
        let n = left.min(buffer.len());
        bytes.fill(&mut buffer[..n]);
        hash.update(&buffer[..n]);
        to.write_all(&buffer[..n]).await?;
        left -= n;
    }
    to.shutdown().await?;
    Ok(digest(total, hash))
}

/// Reads to the end.
pub async fn read_all<R>(mut from: R) -> io::Result<Digest>
where
    R: AsyncRead + Unpin,
{
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0;
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            return Ok(digest(total, hash));
        }
        hash.update(&buffer[..n]);
        total += n as i64;
    }
}

fn digest(bytes: i64, hash: Sha256) -> Digest {
    let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Digest { bytes, sha256 }
}
