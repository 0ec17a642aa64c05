//! The floor: tokio on a unix socket, with nothing on top but a length. One connection echoes, and
//! each stream is a connection of its own, which tells by its first byte what it is.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;

use crate::pattern::Pattern;
use crate::peer::{Peer, Result, Setup};
use crate::ping_pong;
use crate::process::{OwnPlugin, socket_path};
use crate::rows::Measured;
use crate::types::Digest;

pub const ECHO: u8 = 1;
pub const READ: u8 = 2;
pub const WRITE: u8 = 3;
pub const PING_PONG: u8 = 4;

/// Longer than any message here.
pub const BUFFER: usize = 4096;

#[derive(Clone)]
pub struct Host(Arc<Connected>);

struct Connected {
    plugin: Mutex<Option<OwnPlugin>>,
    pid: u32,
    socket: std::path::PathBuf,
    echo: Mutex<Echo>,
}

struct Echo {
    stream: UnixStream,
    buffer: Vec<u8>,
}

/// Where the first message in `read` ends, if it is whole.
pub fn message_end(read: &[u8]) -> Option<usize> {
    let (len, rest) = read.split_first_chunk::<4>()?;
    let end = u32::from_le_bytes(*len) as usize;
    (rest.len() >= end).then_some(4 + end)
}

impl Peer for Host {
    async fn launch(setup: &Setup) -> Result<Self> {
        let plugin = OwnPlugin::launch(setup).await?;
        let mut stream = UnixStream::connect(&plugin.socket).await?;
        stream.write_all(&[ECHO]).await?;
        let buffer = vec![0; BUFFER];
        Ok(Self(Arc::new(Connected {
            pid: plugin.pid,
            socket: plugin.socket.clone(),
            plugin: Mutex::new(Some(plugin)),
            echo: Mutex::new(Echo { stream, buffer }),
        })))
    }

    async fn kill(self) {
        if let Some(plugin) = self.0.plugin.lock().await.take() {
            plugin.kill().await;
        }
    }

    fn plugin_pid(&self) -> u32 {
        self.0.pid
    }

    async fn echo(&self, text: &str) -> Result<()> {
        let mut echo = self.0.echo.lock().await;
        let Echo { stream, buffer } = &mut *echo;
        let end = 4 + text.len();
        buffer[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
        buffer[4..end].copy_from_slice(text.as_bytes());
        stream.write_all(&buffer[..end]).await?;
        buffer[4..end].fill(0);
        let mut filled = 0;
        loop {
            match stream.read(&mut buffer[filled..]).await? {
                0 => return Err("the connection ended".into()),
                n => filled += n,
            }
            if let Some(end) = message_end(&buffer[..filled]) {
                return match &buffer[4..end] == text.as_bytes() {
                    true => Ok(()),
                    false => Err("another reply".into()),
                };
            }
        }
    }

    async fn reader(&self, bytes: u64) -> Result<Digest> {
        let mut stream = UnixStream::connect(&self.0.socket).await?;
        stream.write_all(&[READ]).await?;
        Pattern::write_to(bytes, &mut stream).await?;
        let bytes = stream.read_u64().await?;
        let sum = stream.read_u64().await?;
        Ok(Digest { bytes, sum })
    }

    async fn writer(&self, bytes: u64) -> Result<Digest> {
        let mut stream = UnixStream::connect(&self.0.socket).await?;
        stream.write_all(&[WRITE]).await?;
        stream.write_u64(bytes).await?;
        Ok(Digest::of(stream).await?)
    }

    async fn ping_pong(&self, limit: Duration) -> Result<Measured> {
        let mut stream = UnixStream::connect(&self.0.socket).await?;
        stream.write_all(&[PING_PONG]).await?;
        ping_pong::measure(stream, limit).await
    }
}

pub async fn plugin() -> Result<()> {
    let socket = socket_path()?;
    let listener = UnixListener::bind(&socket)?;
    println!("{}", socket.display());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream));
    }
}

async fn serve(mut stream: UnixStream) -> Result<()> {
    match stream.read_u8().await? {
        ECHO => echo(stream).await,
        READ => {
            let digest = Digest::of(&mut stream).await?;
            stream.write_u64(digest.bytes).await?;
            Ok(stream.write_u64(digest.sum).await?)
        }
        WRITE => {
            let bytes = stream.read_u64().await?;
            Pattern::write_to(bytes, stream).await?;
            Ok(())
        }
        PING_PONG => {
            ping_pong::echo(stream).await?;
            Ok(())
        }
        other => Err(format!("no such kind: {other}").into()),
    }
}

async fn echo(mut stream: UnixStream) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await? {
            0 => return Ok(()),
            n => filled += n,
        }
        while let Some(end) = message_end(&buffer[..filled]) {
            stream.write_all(&buffer[..end]).await?;
            buffer.copy_within(end..filled, 0);
            filled -= end;
        }
    }
}
