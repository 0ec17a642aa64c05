//! The line that a plugin must print first.

use crate::handshake::HandshakeError;
use crate::host::output::Lines;
use crate::host::process::Exit;
use crate::host::runner::Output;
use crate::tuning::host as tuning;

use super::failure::Failure;

/// Waits for the plugin's first line. The end of stdout without a line is
/// [`HandshakeError::NoLine`]; a line that came before it counts, even if the process has ended
/// since.
pub(super) async fn first_line(lines: &mut Lines<Output>, exit: &Exit) -> Result<Vec<u8>, Failure> {
    let next = async {
        let error = match lines.next().await {
            Ok(Some(piece)) if piece.goes_on => HandshakeError::line_too_long(piece.raw),
            Ok(Some(piece)) => return Ok(piece.line().to_vec()),
            Ok(None) => HandshakeError::NoLine,
            Err(error) => {
                tracing::error!(%error, "error reading plugin's stdout");
                HandshakeError::NoLine
            }
        };
        Err(Failure::Handshake(error))
    };
    // A process that the plugin started may hold stdout open when the plugin itself has ended.
    let gone = async {
        exit.reaped().await;
        tokio::time::sleep(tuning::DRAIN).await;
    };
    tokio::select! {
        biased;
        line = next => line,
        () = gone => Err(Failure::Exited),
    }
}
