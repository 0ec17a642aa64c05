//! Errors that end a stream of items: they keep their type, and a peer that wants no more gets the
//! text.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use futures::stream;
use plugwire::interface::{dial, lend};
use plugwire::rpc::Codec;
use plugwire::{Error, Result, Stream};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Pair;
use support::within;

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub enum PrintError {
    #[error("no more paper in tray {tray}")]
    Paper {
        tray: i64,
        #[source]
        cause: Option<Jam>,
    },
    #[error(transparent)]
    Other(#[from] Error),
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("roll {0} is stuck")]
pub struct Jam(u8);

fn paper() -> PrintError {
    let cause = Some(Jam(3));
    PrintError::Paper { tray: -1, cause }
}

fn is_paper(error: &PrintError) -> bool {
    matches!(
        error,
        PrintError::Paper {
            tray: -1,
            cause: Some(Jam(3))
        }
    )
}

type Printed<T> = Result<T, PrintError>;

/// Pages with a note, as parts of a value.
#[derive(Serialize, Deserialize)]
pub struct Noted {
    note: String,
    pages: Option<Stream<u32, PrintError>>,
}

#[plugwire::interface]
pub trait Printer {
    async fn pages(&self) -> Printed<Stream<u32, PrintError>>;
    async fn noted(&self) -> Printed<Noted>;
    /// What the pages fail with.
    async fn print(&self, pages: Stream<u32, PrintError>) -> Printed<()>;
    /// Whether the pages fail with [`paper`].
    async fn look(&self, pages: Noted) -> Printed<bool>;
}

struct Broken;

fn failing() -> Stream<u32, PrintError> {
    Stream::new(stream::iter([Ok(1), Ok(2), Err(paper())]))
}

#[plugwire::interface]
impl Printer for Broken {
    async fn pages(&self) -> Printed<Stream<u32, PrintError>> {
        Ok(failing())
    }

    async fn noted(&self) -> Printed<Noted> {
        Ok(Noted {
            note: "two".into(),
            pages: Some(failing()),
        })
    }

    async fn print(&self, mut pages: Stream<u32, PrintError>) -> Printed<()> {
        while let Some(page) = pages.next().await {
            page?;
        }
        Ok(())
    }

    async fn look(&self, noted: Noted) -> Printed<bool> {
        let error = end(noted.pages.expect("they are sent")).await;
        Ok(is_paper(&error))
    }
}

const CODECS: [Codec; 3] = [Codec::Gob, Codec::MsgPack, Codec::Rich];

/// The error behind two items.
async fn end<E: From<Error> + 'static>(mut stream: Stream<u32, E>) -> E {
    for page in 1..=2 {
        let Some(Ok(got)) = within(stream.next()).await else {
            panic!("page {page} is missing");
        };
        assert_eq!(got, page);
    }
    let Some(Err(error)) = within(stream.next()).await else {
        panic!("there is no error");
    };
    assert!(within(stream.next()).await.is_none());
    error
}

#[tokio::test]
async fn an_item_s_error_keeps_its_type() {
    for codec in CODECS {
        let pair = Pair::agreed(codec);
        let printer = pair.connect::<dyn Printer>(Arc::new(Broken)).await;
        let error = end(within(printer.pages()).await.unwrap()).await;
        assert!(is_paper(&error), "{codec:?}: {error:?}");
        let noted = within(printer.noted()).await.unwrap();
        assert_eq!(noted.note, "two");
        assert!(is_paper(&end(noted.pages.unwrap()).await), "{codec:?}");
        let error = within(printer.print(failing())).await.unwrap_err();
        assert!(is_paper(&error), "{codec:?}: {error:?}");
        assert!(
            within(printer.look(within(printer.noted()).await.unwrap()))
                .await
                .unwrap()
        );
    }
}

#[tokio::test]
async fn an_item_s_error_is_its_text_to_a_peer_that_wants_no_more() {
    for codec in [Codec::Gob, Codec::MsgPack] {
        let pair = Pair::speaking(codec);
        let printer = pair.connect::<dyn Printer>(Arc::new(Broken)).await;
        let error = end(within(printer.pages()).await.unwrap()).await;
        assert!(
            matches!(error, PrintError::Other(Error::Call(_))),
            "{error:?}"
        );
        assert_eq!(error.to_string(), "no more paper in tray -1");
        assert!(error.source().is_none());
    }
}

/// The same stream where the type is not known: it is lent as one and dialed as the other.
async fn as_another<E, F>(pair: &Pair, stream: Stream<u32, E>) -> Stream<u32, F>
where
    Stream<u32, E>: plugwire::interface::Brokered,
    Stream<u32, F>: plugwire::interface::Brokered,
{
    let id = lend(&pair.plugin, stream);
    within(dial(&pair.host, id)).await.unwrap()
}

/// Through a process that does not know the type, from one codec to the other.
#[tokio::test]
async fn a_process_that_does_not_know_the_type_of_an_item_s_error_passes_it_on() {
    for (codec, other) in [(Codec::Gob, Codec::MsgPack), (Codec::MsgPack, Codec::Gob)] {
        let (first, second) = (Pair::agreed(codec), Pair::agreed(other));
        // Of which the forms of its errors are known.
        let _printer = first.connect::<dyn Printer>(Arc::new(Broken)).await;
        let passed: Stream<u32> = as_another(&first, failing()).await;
        let error = end(as_another::<_, PrintError>(&second, passed).await).await;
        assert!(is_paper(&error), "{error:?}");

        let passed: Stream<u32> = as_another(&first, failing()).await;
        let error: Error = end(as_another(&second, passed).await).await;
        assert!(is_paper(&error.downcast().unwrap()), "{error:?}");
        assert_eq!(error.to_string(), "no more paper in tray -1");
        assert_eq!(error.source().unwrap().to_string(), "roll 3 is stuck");
    }
}

#[tokio::test]
async fn the_causes_of_an_item_s_error_arrive_as_texts() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot save")]
    struct Save(#[source] io::Error);

    for (pair, causes) in [
        (Pair::agreed(Codec::Gob), &["disk full"][..]),
        (Pair::speaking(Codec::Gob), &[]),
    ] {
        let save = Error::other(Save(io::Error::other("disk full")));
        let stream = Stream::new(stream::iter([Ok(1), Ok(2), Err(save)]));
        let error: Error = end(as_another::<Error, Error>(&pair, stream).await).await;
        let peer = error.peer_error().unwrap();
        assert_eq!(peer.text(), "cannot save: disk full");
        assert_eq!(peer.causes(), causes);
    }
}

/// What a peer may send in place of the error.
mod forged {
    use super::*;

    #[derive(Clone, Default, Serialize, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Detail {
        text: String,
        name: String,
        #[serde(with = "serde_bytes")]
        value: Vec<u8>,
        causes: Vec<String>,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename = "StreamError")]
    struct StreamError<D> {
        #[serde(rename = "StreamError")]
        text: String,
        #[serde(rename = "PlugwireDetail")]
        detail: D,
    }

    /// What the stream of a peer fails with that sends this value alone.
    async fn received<D>(codec: Codec, detail: D) -> PrintError
    where
        D: Serialize + for<'de> Deserialize<'de>,
    {
        let text = "an error".to_owned();
        let error = StreamError { text, detail };
        let bytes = match codec {
            Codec::Gob => {
                let mut bytes = bytes::BytesMut::new();
                let mut encoder = plugwire::gob::Encoder::new();
                encoder.encode(&error, &mut bytes).unwrap();
                bytes.to_vec()
            }
            _ => rmp_serde::to_vec_named(&error).unwrap(),
        };
        let pair = Pair::agreed(codec);
        // From here on the form of the type is known.
        let _printer = pair.connect::<dyn Printer>(Arc::new(Broken)).await;
        let id = pair.plugin.next_id();
        let writing = async {
            let mut peer = pair.plugin.accept(id).await.unwrap();
            let _ = peer.write_all(&bytes).await;
            let _ = peer.shutdown().await;
            let _ = peer.read_to_end(&mut Vec::new()).await;
        };
        let receiving = async {
            let mut stream: Stream<u32, PrintError> = dial(&pair.host, id).await.unwrap();
            let error = stream.next().await.unwrap().unwrap_err();
            assert!(stream.next().await.is_none());
            error
        };
        within(async { tokio::join!(receiving, writing) }).await.0
    }

    fn detail(name: &str, value: Vec<u8>) -> Detail {
        Detail {
            name: name.into(),
            value,
            ..Detail::default()
        }
    }

    fn assert_is_text(error: &PrintError, of: &str) {
        assert!(matches!(error, PrintError::Other(_)), "{of}: {error:?}");
        assert_eq!(error.to_string(), "an error", "{of}");
    }

    #[tokio::test]
    async fn an_item_s_error_of_another_type_leaves_the_text() {
        let value = || rmp_serde::to_vec_named(&paper()).unwrap();
        for codec in CODECS {
            let error = received(codec, detail("PrintError", value())).await;
            assert!(is_paper(&error), "{codec:?}: {error:?}");
            for (name, value) in [
                ("Another", value()),
                ("", value()),
                ("PrintError", rmp_serde::to_vec_named("Paper").unwrap()),
                ("PrintError", vec![0xc1]),
                ("PrintError", Vec::new()),
                ("PrintError", vec![0x91; 1000]),
                ("PrintError", vec![0xdd, 0xff, 0xff, 0xff, 0xff]),
                ("PrintError", vec![0; (1 << 20) + 1]),
            ] {
                let error = received(codec, detail(name, value)).await;
                assert_is_text(&error, name);
            }
            assert_is_text(&received(codec, 42i64).await, "a number");
            assert_is_text(&received(codec, "text".to_owned()).await, "a text");
            assert_is_text(&received(codec, vec![1u8; 5]).await, "bytes");
            let long = Detail {
                causes: vec!["because".into(); 100_000],
                ..Detail::default()
            };
            let PrintError::Other(error) = received(codec, long).await else {
                panic!("there is no value");
            };
            assert_eq!(error.peer_error().unwrap().causes().len(), 32);
        }
    }

    /// All that a peer reads of a stream that fails.
    async fn sent(pair: &Pair) -> Vec<u8> {
        let id = lend(&pair.plugin, failing());
        let mut peer = within(pair.host.dial(id)).await.unwrap();
        let mut bytes = Vec::new();
        within(peer.read_to_end(&mut bytes)).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn a_peer_that_wants_no_more_gets_the_bytes_of_a_text() {
        #[derive(Serialize, Deserialize)]
        #[serde(rename = "StreamError")]
        struct InGo {
            #[serde(rename = "StreamError")]
            text: String,
        }
        let text = InGo {
            text: "no more paper in tray -1".into(),
        };
        let mut gobs = bytes::BytesMut::new();
        let mut encoder = plugwire::gob::Encoder::new();
        for page in [1u32, 2] {
            encoder.encode(&page, &mut gobs).unwrap();
        }
        encoder.encode(&text, &mut gobs).unwrap();
        assert_eq!(sent(&Pair::speaking(Codec::Gob)).await, gobs);
        assert_ne!(sent(&Pair::agreed(Codec::Gob)).await, gobs);

        let packed = [vec![1, 2], rmp_serde::to_vec_named(&text).unwrap()].concat();
        assert_eq!(sent(&Pair::speaking(Codec::MsgPack)).await, packed);
        assert_ne!(sent(&Pair::agreed(Codec::MsgPack)).await, packed);
    }
}
