//! What may be absent, and what its carrier does not know: the interface that
//! `go/internal/shapes/lookup.go` has written out by hand.

use std::time::Duration;

use plugwire::Result;
use plugwire::gob::{self, Any, Value};
use serde::{Deserialize, Serialize};

#[plugwire::interface]
pub trait Lookup {
    /// The size that is given as text, which may be 0. The size of no key is -1.
    async fn size(&self, key: Option<String>) -> Result<Option<i64>>;

    /// Go's reply is a pointer alone.
    async fn owner(&self, key: String) -> Result<Option<Person>>;

    /// Gives back what it gets.
    async fn pass(&self, parcel: Any) -> Result<Any>;

    /// Makes the persons in it a year older, and the wait twice as long.
    async fn age(&self, parcel: Parcel<Value, Value>) -> Result<Parcel<Value, Value>>;
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Person {
    pub name: String,
    pub age: i64,
}

/// The plugin that ages it does not know what is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Parcel", rename_all = "PascalCase")]
pub struct Parcel<P, H> {
    /// Go's `people.Person`.
    pub payload: P,
    /// Go's `interface{}`, which holds a `*people.Person`.
    pub held: H,
    #[serde(with = "gob::duration")]
    pub wait: Duration,
}

pub struct Shelf;

#[plugwire::interface]
impl Lookup for Shelf {
    async fn size(&self, key: Option<String>) -> Result<Option<i64>> {
        Ok(match key {
            None => Some(-1),
            Some(key) => key.parse().ok(),
        })
    }

    async fn owner(&self, key: String) -> Result<Option<Person>> {
        let name = key.strip_prefix("of ").map(str::to_owned);
        Ok(name.map(|name| Person { name, age: 0 }))
    }

    async fn pass(&self, parcel: Any) -> Result<Any> {
        Ok(parcel)
    }

    async fn age(&self, mut parcel: Parcel<Value, Value>) -> Result<Parcel<Value, Value>> {
        for person in [&mut parcel.payload, &mut parcel.held] {
            let age = match person.field("Age") {
                Some(Value::Int(age)) => *age,
                _ => 0,
            };
            person.set("Age", age + 1);
        }
        parcel.wait *= 2;
        Ok(parcel)
    }
}
