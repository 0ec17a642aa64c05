//! What a plugin prints: its log on the original stderr, stray lines on stdout after the handshake,
//! and the two synced streams.

mod copy;
mod last_panic;
mod lines;
mod tail;

pub(super) use self::copy::Writer;
pub(super) use self::lines::Lines;
pub(super) use self::tail::Tail;

use tokio::io::{AsyncRead, AsyncReadExt};

use self::copy::Copy;
use super::log::LogSink;
use super::process::Exit;
use crate::tuning::host as tuning;
use plugwire_base::escape::Escaped;

/// Runs the reader of one of the process's pipes to its end, but not for long after the process.
pub(super) async fn until_drained(exit: Exit, pump: impl Future<Output = ()>) {
    tokio::select! {
        () = pump => {}
        () = async { exit.reaped().await; tokio::time::sleep(tuning::DRAIN).await } => {}
    }
}

/// Copies the bytes of the plugin's stderr, then logs them line by line.
pub(super) async fn log_stderr(
    mut lines: Lines<impl AsyncRead + Unpin>,
    copy: Option<Writer>,
    tail: Tail,
    mut log: LogSink,
) {
    let mut copy = Copy::new(copy, "stderr");
    let _end = EndOnDrop(&tail);
    loop {
        let piece = match lines.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(plugin = log.plugin(), %error, "reading plugin stderr");
                return;
            }
        };
        // First, because a writer may be slow.
        tail.push(piece.line());
        copy.write(piece.raw).await;
        log.line(piece.line(), piece.goes_on);
    }
}

/// Ends the tail however reading ends, so that no task waits for more lines.
struct EndOnDrop<'a>(&'a Tail);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Reads what follows the handshake line, so that a plugin that prints there never blocks.
pub(super) async fn drain_stdout(mut lines: Lines<impl AsyncRead + Unpin>, plugin: String) {
    while let Ok(Some(piece)) = lines.next().await {
        let line = String::from_utf8_lossy(piece.line());
        tracing::debug!(plugin, "stdout: {}", Escaped(line));
    }
}

/// Copies one of the synced streams until it ends.
pub(super) async fn sync(
    mut stream: impl AsyncRead + Unpin,
    writer: Option<Writer>,
    name: &'static str,
) {
    let mut copy = Copy::new(writer, name);
    let mut buffer = vec![0; 16 * 1024];
    // An error means that the connection is lost, which all its other users report.
    while let Ok(1..) = match stream.read(&mut buffer).await {
        Ok(read) => {
            copy.write(&buffer[..read]).await;
            Ok(read)
        }
        Err(error) => Err(error),
    } {}
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::hclog::{LogLevel, LogRecord};
    use crate::host::log::OnLog;

    #[tokio::test]
    async fn stderr_is_copied_byte_for_byte() {
        let text = b"one\r\n\xff two\n\nlast without a break";
        let (copy, mut copied) = tokio::io::duplex(1024);
        let tail = Tail::default();
        let (records, log) = recorded();
        let lines = Lines::new(&text[..], 1024);
        log_stderr(lines, Some(Writer::new(copy)), tail.clone(), log).await;
        let mut read = Vec::new();
        copied.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, text);
        assert_eq!(tail.text(), "one\n\u{fffd} two\n\nlast without a break");
        let raw: Vec<_> = records.try_iter().map(|record| record.raw).collect();
        assert_eq!(
            raw,
            [&b"one"[..], b"\xff two", b"", b"last without a break"]
        );
    }

    #[tokio::test]
    async fn an_over_long_line_is_copied_whole_and_logged_in_pieces() {
        let text = b"[WARN] short\n[WARN] long, long\r\n[WARN] short";
        let (copy, mut copied) = tokio::io::duplex(1024);
        let (records, log) = recorded();
        let lines = Lines::new(&text[..], 13);
        log_stderr(lines, Some(Writer::new(copy)), Tail::default(), log).await;
        let mut read = Vec::new();
        copied.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, text);
        let logged: Vec<_> = records
            .try_iter()
            .map(|record| (record.level, record.message, record.is_piece))
            .collect();
        let record = |level, message: &str, is_piece| (level, message.to_owned(), is_piece);
        assert_eq!(
            logged,
            [
                record(LogLevel::Warn, "[WARN] short", false),
                record(LogLevel::Debug, "[WARN] long, ", true),
                record(LogLevel::Debug, "long", true),
                record(LogLevel::Warn, "[WARN] short", false),
            ]
        );
    }

    fn recorded() -> (std::sync::mpsc::Receiver<LogRecord>, LogSink) {
        let (sender, records) = std::sync::mpsc::channel();
        let callback = move |record: &LogRecord| sender.send(record.clone()).unwrap();
        let log = LogSink::new("p".to_owned(), Some(OnLog::new(callback)));
        (records, log)
    }

    #[tokio::test]
    async fn a_writer_that_fails_does_not_stop_the_reading() {
        let (copy, gone) = tokio::io::duplex(4);
        drop(gone);
        let (mut stream, read) = tokio::io::duplex(16);
        let pump = tokio::spawn(sync(read, Some(Writer::new(copy)), "stdout"));
        for _ in 0..10 {
            stream.write_all(&[7; 16]).await.unwrap();
        }
        drop(stream);
        pump.await.unwrap();
    }
}
