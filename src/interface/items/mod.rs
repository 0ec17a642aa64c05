//! Streams of items that cross the wire.

mod channel;
mod error;
mod incoming;
mod outgoing;

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};

use self::channel::Fate;
use self::incoming::Incoming;
use self::outgoing::{Outcome, Outgoing};
use super::Error;
use super::awaited::{Awaited, awaited};
use super::brokered::{Brokered, sealed};
use super::leaf::{self, Leaf, LendError};
use super::lease::Offer;
use super::scope::Connect;
use super::shape::{Id, MaybeId, Nested};
use super::shelf::{Shelf, Shelved};
use super::stream::hung_up;
use crate::broker::{DialError, MuxBroker};
use crate::mux;

pub use self::channel::StreamSender;
pub use self::error::{ItemError, SendError};

/// Items one after another, as a parameter or a result of an interface's method.
///
/// The side that has them makes one of any [`futures::Stream`], or sends them through a
/// [channel](Self::channel). The other side receives them by [`next`](Self::next), or by what the
/// crate `futures` has for streams.
///
/// ```
/// use plugwire::{Result, Stream};
///
/// #[plugwire::interface]
/// trait Search {
///     /// The hits, as they are found.
///     async fn search(&self, text: String) -> Result<Stream<String>>;
///     /// Both ways at once: the answers to the questions, as they are asked.
///     async fn ask(&self, questions: Stream<String>) -> Result<Stream<bool>>;
/// }
///
/// struct Lines;
///
/// #[plugwire::interface]
/// impl Search for Lines {
///     async fn search(&self, text: String) -> Result<Stream<String>> {
///         let (sender, hits) = Stream::channel();
///         tokio::spawn(async move {
///             for line in ["one", "two"].into_iter().filter(|line| line.contains(&text)) {
///                 // Waits while the receiver is behind, and fails once it has gone.
///                 sender.send(line.to_owned()).await?;
///             }
///             Ok::<_, plugwire::interface::SendError>(())
///         });
///         Ok(hits)
///     }
///
///     async fn ask(&self, questions: Stream<String>) -> Result<Stream<bool>> {
///         use futures::TryStreamExt;
///         Ok(Stream::new(questions.map_ok(|question| question.ends_with('?'))))
///     }
/// }
///
/// # async fn example(search: plugwire::Remote<dyn Search>) -> Result<()> {
/// let mut hits = search.search("o".into()).await?;
/// while let Some(hit) = hits.next().await {
///     println!("{}", hit?);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Its end
///
/// After the last item comes the end. An error takes the place of the end, and no item comes behind
/// it: what `Stream::new` was given after an error is not asked for. The receiver gets
///
/// - an error of the sender as it gets that of a [method](macro@crate::interface#errors): from a Go
///   peer its text, from a peer of this crate also the texts of its causes and its value;
/// - [`ItemError::CutOff`] when the sender was given up before its end: it
///   [aborted](StreamSender::abort), panicked, or is gone; or the call that lent the stream was
///   [abandoned](super::Remote#cancellation);
/// - [`ItemError::Decode`] when an item is not of the type `T`.
///
/// The last two are in [`Error::Item`]. `E` is the error of the trait's methods: a trait with an
/// error of its own has `Stream<T, KvError>`.
///
/// Dropping the stream stops its source: the other side's is dropped, or its sender fails. A stream
/// outlives the call that returned it. One that was lent for a call outlives it once the call was
/// answered.
///
/// # Backpressure
///
/// A source is asked for items only as long as the receiver takes them. On the way are no more than
/// the stream's window (256 KiB to 1 MiB), some KiB that are encoded and not sent, and the items of
/// the channel.
///
/// # On the wire
///
/// An item is a value of the connection's codec, as an argument or a reply is, and the values stand
/// one behind the other on a [broker](crate::broker)'s stream, whose id is the argument. So a Go
/// author reads and writes them by hand:
///
/// ```go
/// conn, err := broker.Dial(id)            // a parameter; a result: broker.Accept(id)
/// items := gob.NewDecoder(conn)           // or gob.NewEncoder(conn)
/// for {
///     var hit Hit
///     if err := items.Decode(&hit); err == io.EOF {
///         break                           // finished
///     } else if err != nil {
///         return err                      // cut off
///     }
/// }
/// conn.Close()                            // also to stop early
/// ```
///
/// A finished stream is closed. A stream that was cut off is reset, which Go reads as "connection
/// reset". An error is one more value before the close, of a struct `StreamError`:
///
/// ```go
/// type StreamError struct{ StreamError string }
///
/// gob.NewEncoder(conn).Encode(StreamError{"no such key"})
/// ```
///
/// Between peers of this crate a second field has the error's value and the texts of its causes.
///
/// A Go receiver that does not expect it gets an error of its decoder: the types do not match. With
/// a field `StreamError string` in the struct of its items, it gets the text. In MessagePack the
/// error is a map with that key, which has to be its first. So items cannot be structs with a field
/// of this name.
pub struct Stream<T, E = Error> {
    source: Shelf<Stream<T, E>>,
    /// Whether there was an error that the source does not know of.
    is_over: bool,
}

/// Where a stream's items are from.
pub(super) struct Source<T, E> {
    /// `None` from the end on: what they are from is dropped.
    items: Option<Items<T, E>>,
    /// That of a channel.
    fate: Option<Arc<Fate>>,
}

type Items<T, E> = Pin<Box<dyn futures::Stream<Item = Result<T, E>> + Send>>;

impl<T, E> Shelved for Stream<T, E> {
    type Inner = Source<T, E>;

    fn of(source: Source<T, E>) -> Self {
        Stream {
            source: Shelf::new(source),
            is_over: false,
        }
    }

    fn into_inner(self) -> Option<Source<T, E>> {
        self.source.into_inner()
    }
}

impl<T: 'static, E: 'static> Stream<T, E> {
    /// Makes a stream of any [`futures::Stream`] of items, or of `Result`s with items: `T` or
    /// `Result<T, E>`. The first error is the end.
    pub fn new<S, Form: 'static>(items: S) -> Self
    where
        S: futures::Stream<Item: IntoItem<T, E, Form>> + Send + 'static,
    {
        let items = futures::StreamExt::map(items, IntoItem::into_item);
        Stream::of(Source::new(items))
    }

    /// A stream, and the sender of its items. The stream holds up to 64 items that the receiver has
    /// not taken.
    #[must_use]
    pub fn channel() -> (StreamSender<T, E>, Self)
    where
        T: Send,
        E: From<Error> + Send,
    {
        let (sender, items, fate) = channel::channel();
        let source = Source {
            fate: Some(fate),
            ..Source::new(items)
        };
        (sender, Stream::of(source))
    }
}

impl<T, E: From<Error>> Stream<T, E> {
    /// The next item, or an error; `None` at the end, and after an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no item.
    pub async fn next(&mut self) -> Option<Result<T, E>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        match self.source.get() {
            Ok(source) => source.poll_item(cx),
            Err(_) if self.is_over => Poll::Ready(None),
            Err(elsewhere) => {
                self.is_over = true;
                let source = Some(elsewhere);
                let cut_off = ItemError::CutOff { items: 0, source };
                Poll::Ready(Some(Err(Error::from(cut_off).into())))
            }
        }
    }
}

impl<T, E> Source<T, E> {
    fn new(items: impl futures::Stream<Item = Result<T, E>> + Send + 'static) -> Self {
        Source {
            items: Some(Box::pin(items)),
            fate: None,
        }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        let Some(items) = &mut self.items else {
            return Poll::Ready(None);
        };
        let item = ready!(items.as_mut().poll_next(cx));
        if !matches!(item, Some(Ok(_))) {
            self.end();
        }
        Poll::Ready(item)
    }

    /// Drops the source.
    fn end(&mut self) {
        self.items = None;
    }
}

impl<T, E: From<Error>> futures::Stream for Stream<T, E> {
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<T, E> fmt::Debug for Stream<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

/// What [`Stream::new`] takes the items of a stream as: `T`, and `Result<T, E>`. `Form` says which,
/// and is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no item of a `Stream<{T}, {E}>`",
    note = "a `Stream<T, E>` is made of a stream of `T` or of `Result<T, E>`"
)]
pub trait IntoItem<T, E, Form> {
    /// The item.
    #[doc(hidden)]
    fn into_item(self) -> Result<T, E>;
}

/// Items that cannot fail.
#[doc(hidden)]
#[derive(Debug)]
pub enum Infallible {}

/// Items that can.
#[doc(hidden)]
#[derive(Debug)]
pub enum Fallible {}

impl<T, E> IntoItem<T, E, Infallible> for T {
    fn into_item(self) -> Result<T, E> {
        Ok(self)
    }
}

impl<T, E> IntoItem<T, E, Fallible> for Result<T, E> {
    fn into_item(self) -> Result<T, E> {
        self
    }
}

impl<T, E> sealed::Sealed for Stream<T, E> {}

impl<T, E> Brokered for Stream<T, E>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Display + From<Error> + Send + 'static,
{
    const STREAM: bool = true;

    async fn serve(self, stream: mux::Stream, broker: MuxBroker, offer: &mut Offer) {
        let Some(source) = self.into_inner() else {
            return;
        };
        let (peer, stream) = stream.into_split();
        let mut outgoing = Outgoing::new(source, stream, broker);
        // A source that is pending is dropped when the peer has gone.
        let hung_up = hung_up(peer);
        tokio::pin!(hung_up);
        loop {
            tokio::select! {
                biased;
                outcome = poll_fn(|cx| outgoing.poll(cx)) => match outcome {
                    Outcome::Over => return,
                    Outcome::Refused(error) => offer.failed(error),
                },
                () = &mut hung_up => return,
                // No items are in transit to this side.
                answer = offer.drain() => drop(answer),
            }
        }
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        let stream = Awaited::Here(broker.dial(id).await?);
        Ok(Stream::of(Source::new(Incoming::new(stream, broker))))
    }
}

impl<T, E> Leaf for Stream<T, E>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Display + From<Error> + Send + 'static,
{
    fn lend_nested(&self) -> Result<u32, LendError> {
        Ok(self.source.lend()?)
    }

    fn receive(broker: &MuxBroker, id: u32) -> (Self, Connect) {
        let (filler, stream) = awaited();
        let source = Source::new(Incoming::new(stream, broker));
        (Stream::of(source), leaf::connect_to(broker, id, filler))
    }

    fn stand_in() -> Self {
        Stream {
            source: Shelf::empty(),
            is_over: false,
        }
    }
}

impl<T, E> Serialize for Stream<T, E>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Display + From<Error> + Send + 'static,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        leaf::serialize(self, serializer)
    }
}

impl<'de, T, E> Deserialize<'de> for Stream<T, E>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Display + From<Error> + Send + 'static,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        leaf::deserialize(deserializer)
    }
}

impl<T, E> Nested for Stream<T, E>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Display + From<Error> + Send + 'static,
{
    type Shape = Id;
    type Optional = MaybeId;
}
