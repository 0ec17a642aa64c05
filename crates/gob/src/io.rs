//! Values over `std::io`: files of gobs, and blocking connections.

use std::io::{self, Read, Write};

use bytes::{Buf, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encode::{Encode, Encoder};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::raw::{Decoder, Limits, RawValue};
use crate::types::Schema;

/// Why a [`StreamWriter`] could not write a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The value has no form in gob. Nothing was written, and other values can be.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The stream failed.
    #[error("gob: cannot write to the stream")]
    Io(#[from] io::Error),
}

/// Why a [`StreamReader`] could not read a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes are malformed, or hold a value that the type cannot take.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The stream failed.
    #[error("gob: cannot read from the stream")]
    Io(#[from] io::Error),
}

/// Writes values to a file or another [`Write`], as Go's `gob.NewEncoder(w)` does.
///
/// Each value is written at once, in one piece with the definitions before it.
///
/// ```
/// use plugwire_gob as gob;
///
/// let mut file = Vec::new();
/// let mut writer = gob::StreamWriter::new(&mut file);
/// for line in ["one", "two"] {
///     writer.write(line)?;
/// }
///
/// let mut reader = gob::StreamReader::new(&file[..]);
/// let mut lines: Vec<String> = Vec::new();
/// while let Some(line) = reader.read()? {
///     lines.push(line);
/// }
/// assert_eq!(lines, ["one", "two"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StreamWriter<W> {
    encoder: Encoder,
    buf: BytesMut,
    inner: W,
}

impl<W: Write> StreamWriter<W> {
    /// A writer of a new stream of gobs.
    pub fn new(inner: W) -> Self {
        let (encoder, buf) = Default::default();
        Self {
            encoder,
            buf,
            inner,
        }
    }

    /// Writes one value.
    ///
    /// # Errors
    ///
    /// When the value has no form in gob, or the stream fails.
    pub fn write<T: Encode + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.encoder.encode(value, &mut self.buf)?;
        self.put()
    }

    /// Writes one value, as one of a type that is given: see [`Encoder::encode_as`].
    ///
    /// # Errors
    ///
    /// When the value is not of the type, or the stream fails.
    pub fn write_as<T: Serialize + ?Sized>(
        &mut self,
        schema: &Schema,
        value: &T,
    ) -> Result<(), WriteError> {
        self.encoder.encode_as(schema, value, &mut self.buf)?;
        self.put()
    }

    fn put(&mut self) -> Result<(), WriteError> {
        let result = self.inner.write_all(&self.buf);
        self.buf.clear();
        Ok(result?)
    }

    /// The stream written to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// The stream written to. Another `StreamWriter` must not continue it: it would define the
    /// types again, which decoders refuse.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

/// Reads values from a file or another [`Read`], as Go's `gob.NewDecoder(r)` does. See
/// [`StreamWriter`] for an example.
///
/// It reads ahead, so it needs no buffering around it, and may have read past the last value.
#[derive(Debug)]
pub struct StreamReader<R> {
    decoder: Decoder,
    buf: BytesMut,
    inner: R,
}

/// How much is read at a time: what arrives bounds what is allocated, whatever length a message
/// claims.
const CHUNK: usize = 16 * 1024;

impl<R: Read> StreamReader<R> {
    /// A reader of a new stream of gobs.
    pub fn new(inner: R) -> Self {
        Self::with_limits(inner, Limits::default())
    }

    /// A reader with other bounds than the default ones.
    pub fn with_limits(inner: R, limits: Limits) -> Self {
        Self {
            decoder: Decoder::with_limits(limits),
            buf: BytesMut::new(),
            inner,
        }
    }

    /// Reads one value; None at the end of the stream.
    ///
    /// # Errors
    ///
    /// When the stream fails or ends within a value, or the value is malformed or `T` cannot take
    /// it. In the last case the value is skipped, and the next can be read.
    pub fn read<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ReadError> {
        match self.read_raw()? {
            Some(value) => Ok(Some(value.decode()?)),
            None => Ok(None),
        }
    }

    /// Reads one value without decoding it; None at the end of the stream.
    ///
    /// # Errors
    ///
    /// When the stream fails or ends within a value, or the bytes are malformed.
    pub fn read_raw(&mut self) -> Result<Option<RawValue>, ReadError> {
        loop {
            if let Some(value) = self.decoder.next_value(&mut self.buf)? {
                return Ok(Some(value));
            }
            let start = self.buf.len();
            self.buf.resize(start + CHUNK, 0);
            let result = self.inner.read(&mut self.buf[start..]);
            self.buf
                .truncate(start + result.as_ref().map_or(0, |&count| count));
            match result {
                Ok(0) if self.buf.has_remaining() => {
                    return Err(DecodeError::from(DecodeErrorKind::UnexpectedEnd).into());
                }
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
