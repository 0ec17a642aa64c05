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
use tokio::sync::oneshot;

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

/// Stops the reading of a plugin's log, so that the next host reads on.
pub(super) struct LogTap(oneshot::Sender<oneshot::Sender<Vec<u8>>>);

/// The end of a [`LogTap`] that the reading task has.
pub(super) struct Stopped(Option<oneshot::Receiver<oneshot::Sender<Vec<u8>>>>);

impl LogTap {
    pub(super) fn new() -> (Self, Stopped) {
        let (stop, stopped) = oneshot::channel();
        (Self(stop), Stopped(Some(stopped)))
    }

    /// Stops the reading, and gives what was read and not logged. Empty where the log has ended.
    pub(super) async fn stop(self) -> Vec<u8> {
        let (answer, unread) = oneshot::channel();
        let _ = self.0.send(answer);
        unread.await.unwrap_or_default()
    }
}

impl Stopped {
    /// Waits for the request to stop. May be dropped and called again.
    async fn asked(&mut self) -> oneshot::Sender<Vec<u8>> {
        if let Some(stopped) = &mut self.0
            && let Ok(answer) = stopped.await
        {
            return answer;
        }
        // It never comes, and the channel must not be polled again.
        self.0 = None;
        std::future::pending().await
    }
}

/// Copies the bytes of the plugin's stderr, then logs them line by line.
pub(super) async fn log_stderr(
    mut lines: Lines<impl AsyncRead + Unpin>,
    copy: Option<Writer>,
    tail: Tail,
    mut log: LogSink,
    mut stopped: Stopped,
) {
    let mut copy = Copy::new(copy, "stderr");
    let _end = EndOnDrop(&tail);
    loop {
        let next = tokio::select! {
            biased;
            answer = stopped.asked() => Err(answer),
            next = lines.next() => Ok(next),
        };
        let next = match next {
            Ok(next) => next,
            Err(answer) => {
                let _ = answer.send(lines.into_unread());
                return;
            }
        };
        let piece = match next {
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
        log_stderr(lines, Some(Writer::new(copy)), tail.clone(), log, never()).await;
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
        log_stderr(
            lines,
            Some(Writer::new(copy)),
            Tail::default(),
            log,
            never(),
        )
        .await;
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

    /// A log that is read to its end.
    fn never() -> Stopped {
        LogTap::new().1
    }

    #[tokio::test]
    async fn a_log_that_is_handed_over_is_whole_and_has_no_line_twice() {
        const LINES: usize = 1000;
        let (mut plugin, pipe) = tokio::io::duplex(100);
        let writing = tokio::spawn(async move {
            for line in 0..LINES {
                let line = format!("line {line}\n");
                plugin.write_all(line.as_bytes()).await.unwrap();
            }
        });
        let (sender, records) = std::sync::mpsc::channel();
        let callback = move |record: &LogRecord| sender.send(record.message.clone()).unwrap();
        let on_log = OnLog::new(callback);
        let mut pipe: crate::host::runner::Output = Box::new(pipe);
        let mut seen: Vec<String> = Vec::new();
        // Each host reads a while, and leaves the rest to the next.
        for hosts in 0.. {
            let (tap, stopped) = LogTap::new();
            let sink = LogSink::new("p".to_owned(), Some(on_log.clone()));
            let lines = Lines::new(&mut pipe, 64);
            let stop = async {
                for _ in 0..hosts % 7 {
                    tokio::task::yield_now().await;
                }
                tap.stop().await
            };
            let log = log_stderr(lines, None, Tail::default(), sink, stopped);
            let ((), unread) = tokio::join!(log, stop);
            seen.extend(records.try_iter());
            if seen.len() >= LINES {
                break;
            }
            pipe = Box::new(std::io::Cursor::new(unread).chain(pipe));
        }
        writing.await.unwrap();
        let expected: Vec<_> = (0..LINES).map(|line| format!("line {line}")).collect();
        assert_eq!(seen, expected);
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
