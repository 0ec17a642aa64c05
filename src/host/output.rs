//! What a plugin prints: its log on the original stderr, stray lines on stdout after the handshake,
//! and the two synced streams.

use std::collections::VecDeque;
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::config::Writer;
use super::last_panic::LastPanic;
use super::lines::Lines;
use super::log::LogSink;
use super::process::Exit;
use crate::tuning::host as tuning;
use plugwire_base::escape::Escaped;

/// The last lines of a plugin's stderr, for the error when it does not start, or crashes.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<TailState>);

#[derive(Default)]
struct TailState {
    written: Mutex<Written>,
    /// Whether no more lines come.
    ended: watch::Sender<bool>,
}

#[derive(Default)]
struct Written {
    lines: VecDeque<String>,
    panic: LastPanic,
}

impl Tail {
    fn push(&self, line: &[u8]) {
        let start = String::from_utf8_lossy(&line[..line.len().min(tuning::TAIL_LINE)]);
        let whole = String::from_utf8_lossy(line);
        let mut written = self.written();
        written.panic.line(&whole);
        if written.lines.len() == tuning::TAIL_LINES {
            written.lines.pop_front();
        }
        written.lines.push_back(start.into_owned());
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        let written = self.0.written.lock();
        written.unwrap_or_else(PoisonError::into_inner)
    }

    /// The panic that ended a process which exited so just now.
    pub(super) fn panic(&self, status: Option<ExitStatus>) -> Option<String> {
        self.written().panic.of(status)
    }

    /// From now on no more lines come.
    pub(super) fn end(&self) {
        self.0.ended.send_replace(true);
    }

    /// Waits for the last line.
    pub(super) async fn ended(&self) {
        let mut ended = self.0.ended.subscribe();
        let _ = ended.wait_for(|&ended| ended).await;
    }

    pub(super) fn text(&self) -> String {
        let written = self.written();
        written
            .lines
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Runs a pump of the process's own pipes to its end, but not for long after the process.
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
        // First, since a writer may be slow.
        tail.push(piece.line());
        copy.write(piece.raw).await;
        log.line(piece.line(), piece.goes_on);
    }
}

/// However the reading ends, nothing waits for more lines.
struct EndOnDrop<'a>(&'a Tail);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Reads on behind the handshake line, so that a plugin that prints there never blocks.
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
    // An error is the connection lost, which everything else on it reports.
    while let Ok(1..) = match stream.read(&mut buffer).await {
        Ok(read) => {
            copy.write(&buffer[..read]).await;
            Ok(read)
        }
        Err(error) => Err(error),
    } {}
}

/// A writer of the host's that may be absent, and is given up when it fails: output must be read
/// on, or the plugin would block on a host that has lost interest.
struct Copy {
    writer: Option<Writer>,
    name: &'static str,
}

impl Copy {
    fn new(writer: Option<Writer>, name: &'static str) -> Self {
        Self { writer, name }
    }

    async fn write(&mut self, bytes: &[u8]) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        if let Err(error) = write_out(writer, bytes).await {
            tracing::warn!(%error, "the plugin's {} is copied no more", self.name);
            self.writer = None;
        }
    }
}

/// Flushes each time: what a plugin printed is wanted now, not when a buffer is full.
async fn write_out(writer: &mut Writer, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hclog::{LogLevel, LogRecord};

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let tail = Tail::default();
        for line in 0..100 {
            tail.push(format!("line {line}").as_bytes());
        }
        let text = tail.text();
        assert_eq!(text.lines().count(), tuning::TAIL_LINES);
        assert!(
            text.starts_with("line 36\n") && text.ends_with("\nline 99"),
            "{text}"
        );
    }

    #[test]
    fn the_tail_shortens_long_lines() {
        let tail = Tail::default();
        tail.push(&[b'x'; 100_000]);
        assert_eq!(tail.text().len(), tuning::TAIL_LINE);
    }

    #[tokio::test]
    async fn stderr_is_copied_byte_for_byte() {
        let text = b"one\r\n\xff two\n\nlast without a break";
        let (copy, mut copied) = tokio::io::duplex(1024);
        let tail = Tail::default();
        let (records, log) = recorded();
        let lines = Lines::new(&text[..], 1024);
        log_stderr(lines, Some(Box::new(copy)), tail.clone(), log).await;
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
        log_stderr(lines, Some(Box::new(copy)), Tail::default(), log).await;
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
        let log = LogSink::new("p".to_owned(), Some(Box::new(callback)));
        (records, log)
    }

    #[tokio::test]
    async fn a_writer_that_fails_does_not_stop_the_reading() {
        let (copy, gone) = tokio::io::duplex(4);
        drop(gone);
        let (mut stream, read) = tokio::io::duplex(16);
        let pump = tokio::spawn(sync(read, Some(Box::new(copy)), "stdout"));
        for _ in 0..10 {
            stream.write_all(&[7; 16]).await.unwrap();
        }
        drop(stream);
        pump.await.unwrap();
    }
}
