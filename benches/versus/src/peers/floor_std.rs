//! The floor without a runtime: blocking sockets of the standard library, a thread a connection.
//! The messages are those of [`floor_tokio`](super::floor_tokio).

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::floor_tokio::{BUFFER, ECHO, PING_PONG, READ, WRITE, message_end};
use crate::pattern::{BLOCK, Pattern};
use crate::peer::{Peer, Result, Setup, TEXT};
use crate::ping_pong;
use crate::process::{OwnPlugin, socket_path};
use crate::rows::{Measured, repeat};
use crate::types::Digest;

/// Its futures block instead of waiting: nothing else runs in the process.
#[derive(Clone)]
pub struct Host(Arc<Connected>);

struct Connected {
    plugin: Mutex<Option<OwnPlugin>>,
    pid: u32,
    socket: PathBuf,
    echo: Mutex<(UnixStream, Vec<u8>)>,
}

impl Peer for Host {
    async fn launch(setup: &Setup) -> Result<Self> {
        let plugin = OwnPlugin::launch(setup).await?;
        let mut stream = UnixStream::connect(&plugin.socket)?;
        stream.write_all(&[ECHO])?;
        Ok(Self(Arc::new(Connected {
            pid: plugin.pid,
            socket: plugin.socket.clone(),
            plugin: Mutex::new(Some(plugin)),
            echo: Mutex::new((stream, vec![0; BUFFER])),
        })))
    }

    async fn kill(self) {
        let plugin = self
            .0
            .plugin
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(plugin) = plugin {
            plugin.kill().await;
        }
    }

    fn plugin_pid(&self) -> u32 {
        self.0.pid
    }

    async fn echo(&self, text: &str) -> Result<()> {
        let mut echo = self.0.echo.lock().unwrap_or_else(PoisonError::into_inner);
        let (stream, buffer) = &mut *echo;
        let end = 4 + text.len();
        buffer[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
        buffer[4..end].copy_from_slice(text.as_bytes());
        stream.write_all(&buffer[..end])?;
        buffer[4..end].fill(0);
        let mut filled = 0;
        loop {
            match stream.read(&mut buffer[filled..])? {
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
        let mut stream = UnixStream::connect(&self.0.socket)?;
        stream.write_all(&[READ])?;
        write_pattern(bytes, &mut stream)?;
        let mut digest = [[0; 8]; 2];
        stream.read_exact(digest.as_flattened_mut())?;
        let [bytes, sum] = digest.map(u64::from_be_bytes);
        Ok(Digest { bytes, sum })
    }

    async fn writer(&self, bytes: u64) -> Result<Digest> {
        let mut stream = UnixStream::connect(&self.0.socket)?;
        stream.write_all(&[WRITE])?;
        stream.write_all(&bytes.to_be_bytes())?;
        digest_of(&mut stream)
    }

    async fn ping_pong(&self, limit: Duration) -> Result<Measured> {
        let mut stream = UnixStream::connect(&self.0.socket)?;
        stream.write_all(&[PING_PONG])?;
        let mut reply = [0; TEXT.len()];
        repeat!(limit, {
            stream.write_all(TEXT.as_bytes())?;
            reply.fill(0);
            stream.read_exact(&mut reply)?;
            ping_pong::check(&reply)?;
        })
    }
}

fn write_pattern(bytes: u64, to: &mut UnixStream) -> Result<()> {
    let mut pattern = Pattern::new(bytes);
    loop {
        match pattern.next_block() {
            [] => return Ok(to.shutdown(Shutdown::Write)?),
            block => to.write_all(block)?,
        }
    }
}

fn digest_of(from: &mut UnixStream) -> Result<Digest> {
    let mut digest = Digest::default();
    let mut buffer = vec![0; BLOCK];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(digest),
            n => digest.update(&buffer[..n]),
        }
    }
}

pub fn plugin() -> Result<()> {
    let socket = socket_path()?;
    let listener = UnixListener::bind(&socket)?;
    println!("{}", socket.display());
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn serve(mut stream: UnixStream) -> Result<()> {
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    match kind[0] {
        ECHO => echo(stream),
        READ => {
            let digest = digest_of(&mut stream)?;
            stream.write_all(&digest.bytes.to_be_bytes())?;
            Ok(stream.write_all(&digest.sum.to_be_bytes())?)
        }
        WRITE => {
            let mut bytes = [0; 8];
            stream.read_exact(&mut bytes)?;
            write_pattern(u64::from_be_bytes(bytes), &mut stream)
        }
        PING_PONG => pong(stream),
        other => Err(format!("no such kind: {other}").into()),
    }
}

fn echo(mut stream: UnixStream) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..])? {
            0 => return Ok(()),
            n => filled += n,
        }
        while let Some(end) = message_end(&buffer[..filled]) {
            stream.write_all(&buffer[..end])?;
            buffer.copy_within(end..filled, 0);
            filled -= end;
        }
    }
}

fn pong(mut stream: UnixStream) -> Result<()> {
    let mut buffer = vec![0; ping_pong::BUFFER];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}
