//! A trait with an error type of its own.

use std::fmt;
use std::sync::Arc;

use crate::Pair;
use support::within;

#[derive(Debug, PartialEq)]
pub enum LookupError {
    NotFound,
    Other(String),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupError::NotFound => f.write_str("not found"),
            LookupError::Other(text) => f.write_str(text),
        }
    }
}

/// What crosses is the text, so this is where the variants come back.
impl From<plugwire::Error> for LookupError {
    fn from(error: plugwire::Error) -> Self {
        match error.to_string() {
            text if text == "not found" => LookupError::NotFound,
            text => LookupError::Other(text),
        }
    }
}

pub type LookupResult<T> = std::result::Result<T, LookupError>;

#[plugwire::interface]
pub trait Directory {
    async fn find(&self, name: String) -> LookupResult<u32>;
    async fn list(&self, out: plugwire::Writer) -> Result<(), LookupError>;
    async fn sub(&self) -> Result<Arc<dyn Directory>, LookupError> {
        Err(LookupError::NotFound)
    }
}

struct Empty;

#[plugwire::interface]
impl Directory for Empty {
    async fn find(&self, name: String) -> LookupResult<u32> {
        match &*name {
            "" => Err(LookupError::Other("a name is needed".into())),
            _ => Err(LookupError::NotFound),
        }
    }

    async fn list(&self, _out: plugwire::Writer) -> Result<(), LookupError> {
        Err(LookupError::NotFound)
    }
}

#[tokio::test]
async fn an_error_of_one_s_own_crosses_by_its_text() {
    let pair = Pair::new();
    let directory = pair.connect::<dyn Directory>(Arc::new(Empty)).await;
    let found = within(directory.find("a".into())).await;
    assert_eq!(found, Err(LookupError::NotFound));
    let found = within(directory.find("".into())).await;
    assert_eq!(found, Err(LookupError::Other("a name is needed".into())));
    let listed = within(directory.list(plugwire::Writer::new(tokio::io::sink()))).await;
    assert_eq!(listed, Err(LookupError::NotFound));
    let sub = within(directory.sub()).await;
    assert_eq!(sub.err(), Some(LookupError::NotFound));
}
