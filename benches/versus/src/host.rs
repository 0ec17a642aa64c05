//! A host: one plugin, one line of standard input at a time.

use std::io::BufRead;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc;

use crate::peer::{Error, Lacks, Peer, Result, Setup};
use crate::rows::{self, Measured, Rows};

/// The answer to a line.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Ready { host: u32, plugin: u32 },
    Measured(Measured),
    Lacks { lacks: bool },
    Error { error: String },
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        match error.downcast::<Lacks>() {
            Ok(_) => Answer::Lacks { lacks: true },
            Err(error) => Answer::Error {
                error: error.to_string(),
            },
        }
    }
}

/// Runs until standard input ends. The rows run in a task of their own if `spawned`, and otherwise
/// in the future that `main` waits for.
pub async fn run<P: Peer>(setup: Setup, spawned: bool) -> Result<()> {
    // Lines are read by a thread, so that a current-thread runtime goes on in between: peers ping.
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(|line| line.ok()) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let peer = match P::launch(&setup).await {
        Ok(peer) => peer,
        Err(error) => {
            print(&error.into())?;
            return Ok(());
        }
    };
    print(&Answer::Ready {
        host: std::process::id(),
        plugin: peer.plugin_pid(),
    })?;
    let rows = Arc::new(Rows::new(peer.clone(), setup));
    while let Some(line) = lines.recv().await {
        let row = rows::run(rows.clone(), line);
        let measured = if spawned {
            tokio::spawn(row).await?
        } else {
            row.await
        };
        print(&measured.map_or_else(Answer::from, Answer::Measured))?;
    }
    peer.kill().await;
    Ok(())
}

fn print(answer: &Answer) -> Result<()> {
    println!("{}", serde_json::to_string(answer)?);
    Ok(())
}
