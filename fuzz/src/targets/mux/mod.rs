//! A yamux session, whose peer sends anything.

mod peer;
mod script;
mod wire;

use plugwire::mux::Session;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::session::{no_keep_alive, run, send, within};
use super::source::Source;

/// A session whose peer sends any bytes, or frames made of them; or one of which every step is the
/// input's, as is the peer's.
pub fn mux_frames(data: &[u8]) {
    run(async {
        let mut source = Source(data);
        let mode = source.byte();
        match mode & 0x10 {
            0 => flood(mode, &mut source).await,
            _ => script::play(mode, &mut source).await,
        }
    });
}

/// Sends everything at once to a session whose streams have tasks of their own.
async fn flood(mode: u8, source: &mut Source<'_>) {
    let bytes = if mode & 2 == 0 {
        source.0.to_vec()
    } else {
        frames(source)
    };
    let (here, there) = tokio::io::duplex(4096);
    let config = no_keep_alive().accept_backlog(8).max_streams(32);
    let session = if mode & 1 == 0 {
        Session::server(here, config)
    } else {
        Session::client(here, config)
    };
    let accepting = tokio::spawn(accept_all(session.clone(), mode));
    let opening = session.clone();
    let opening = tokio::spawn(async move {
        for _ in 0..4 {
            let Ok(mut stream) = opening.open().await else {
                return;
            };
            let _ = stream.write_all(b"hello").await;
        }
    });
    send(there, &bytes).await;
    within(session.closed()).await;
    within(opening).await.expect("no panic");
    within(accepting).await.expect("no panic");
}

async fn accept_all(session: Session, mode: u8) {
    let mut held = Vec::new();
    while let Ok(mut stream) = session.accept().await {
        match mode >> 2 & 3 {
            0 => drop(stream),
            1 => held.push(stream),
            2 => drop(tokio::spawn(async move {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            })),
            _ => drop(tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(stream);
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            })),
        }
    }
}

/// yamux frames: a fuzzer would seldom hit upon twelve bytes that mean something.
fn frames(source: &mut Source<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !source.is_empty() {
        let (kind, flags, stream) = (source.byte(), source.byte(), source.byte());
        let length = source.number() as u32;
        let body = source.take(if kind & 3 == 0 {
            length.min(512) as usize
        } else {
            0
        });
        // Now and then a length that the body does not have.
        let lies = kind & 0x80 != 0;
        let announced = if kind & 3 == 0 && !lies {
            body.len() as u32
        } else {
            length
        };
        bytes.extend_from_slice(&[0, kind & 3, 0, flags & 15]);
        bytes.extend_from_slice(&u32::from(stream & 31).to_be_bytes());
        bytes.extend_from_slice(&announced.to_be_bytes());
        bytes.extend_from_slice(body);
    }
    bytes
}
