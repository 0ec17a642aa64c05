//! The small exchange of the row `pingpong`: a message to the plugin, the same one back, on one
//! stream. `go/bench/pingpong.go` is the same.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::peer::{Result, TEXT, same};
use crate::rows::{Measured, repeat};

/// Longer than a message.
pub const BUFFER: usize = 4096;

/// The host's side.
pub async fn measure(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    limit: Duration,
) -> Result<Measured> {
    let mut reply = [0; TEXT.len()];
    let measured = repeat!(limit, {
        stream.write_all(TEXT.as_bytes()).await?;
        stream.flush().await?;
        reply.fill(0);
        stream.read_exact(&mut reply).await?;
        check(&reply)?;
    });
    stream.shutdown().await?;
    measured
}

/// Fails unless the reply is the message.
pub fn check(reply: &[u8]) -> Result<()> {
    match reply == TEXT.as_bytes() {
        true => Ok(()),
        false => same(&String::from_utf8_lossy(reply), TEXT),
    }
}

/// The plugin's side: returns what it reads. Gives the number of bytes.
pub async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut bytes = 0;
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            stream.shutdown().await?;
            return Ok(bytes);
        }
        stream.write_all(&buffer[..n]).await?;
        stream.flush().await?;
        bytes += n as u64;
    }
}
