//! Lines out of a pipe, with a bound: a line that never ends comes in pieces.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Splits what a plugin prints into lines.
pub(in crate::host) struct Lines<R> {
    reader: BufReader<R>,
    /// The piece being collected. It outlives a [`next`](Self::next) that is dropped half-way.
    piece: Vec<u8>,
    /// Whether `piece` was handed out, so that the next call begins a fresh one.
    handed_out: bool,
    limit: usize,
}

/// A line, or as much of a long line as the limit allows.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::host) struct Piece<'a> {
    /// The bytes as they came, with the line break if there is one.
    pub(in crate::host) raw: &'a [u8],
    /// Whether the line goes on in the next piece.
    pub(in crate::host) goes_on: bool,
}

impl<'a> Piece<'a> {
    /// The bytes without the line break.
    pub(in crate::host) fn line(&self) -> &'a [u8] {
        let Some(line) = self.raw.strip_suffix(b"\n") else {
            return self.raw;
        };
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// No piece is longer than `limit` bytes, nor is more kept in memory.
    pub(in crate::host) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader: BufReader::new(reader),
            piece: Vec::new(),
            handed_out: false,
            limit,
        }
    }

    /// What was read and not handed out.
    pub(in crate::host) fn into_unread(mut self) -> Vec<u8> {
        if self.handed_out {
            self.piece.clear();
        }
        self.piece.extend_from_slice(self.reader.buffer());
        self.piece
    }

    /// The next piece, or `None` at the end. A last line without a line break counts as one.
    ///
    /// Dropping the future loses nothing.
    pub(in crate::host) async fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        if std::mem::take(&mut self.handed_out) {
            self.piece.clear();
        }
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                self.handed_out = true;
                let rest = Piece {
                    raw: &self.piece,
                    goes_on: false,
                };
                return Ok((!self.piece.is_empty()).then_some(rest));
            }
            let room = self.limit - self.piece.len();
            let within = &available[..available.len().min(room)];
            let end = within.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(within.len(), |end| end + 1);
            self.piece.extend_from_slice(&within[..taken]);
            self.reader.consume(taken);
            if end.is_some() || self.piece.len() == self.limit {
                self.handed_out = true;
                return Ok(Some(Piece {
                    raw: &self.piece,
                    goes_on: end.is_none(),
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pieces(input: &[u8], limit: usize) -> Vec<(String, bool)> {
        let mut lines = Lines::new(input, limit);
        let mut pieces = Vec::new();
        while let Some(piece) = lines.next().await.unwrap() {
            pieces.push((
                String::from_utf8(piece.line().to_vec()).unwrap(),
                piece.goes_on,
            ));
        }
        pieces
    }

    fn whole(line: &str) -> (String, bool) {
        (line.to_owned(), false)
    }

    #[tokio::test]
    async fn lines_come_without_their_breaks() {
        let found = pieces(b"one\ntwo\r\n\nfour", 100).await;
        assert_eq!(
            found,
            [whole("one"), whole("two"), whole(""), whole("four")]
        );
    }

    #[tokio::test]
    async fn nothing_gives_no_line() {
        assert_eq!(pieces(b"", 100).await, []);
        assert_eq!(pieces(b"\n", 100).await, [whole("")]);
    }

    #[tokio::test]
    async fn a_long_line_comes_in_pieces() {
        let found = pieces(b"abcdefgh\nij\n", 3).await;
        let part = |text: &str| (text.to_owned(), true);
        assert_eq!(found, [part("abc"), part("def"), whole("gh"), whole("ij")]);
    }

    #[tokio::test]
    async fn a_dropped_wait_loses_nothing() {
        let (mut writer, reader) = tokio::io::duplex(64);
        let mut lines = Lines::new(reader, 100);
        tokio::io::AsyncWriteExt::write_all(&mut writer, b"ab")
            .await
            .unwrap();
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = lines.next() => panic!("there is no line yet"),
                () = std::future::ready(()) => {}
            }
        }
        tokio::io::AsyncWriteExt::write_all(&mut writer, b"c\n")
            .await
            .unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap().line(), b"abc");
    }
}
