//! What may be absent, and values that pass through programs that do not know their types.

use std::time::Duration;

use plugwire::Remote;
use plugwire::gob::{self, Any};
use plugwire_interop::lookup::{Lookup, Parcel, Person};
use support::within;

use crate::peer::Peer;
use crate::shape_cases::launch;

async fn lookup(peer: Peer) -> (plugwire::host::Client, Remote<dyn Lookup>) {
    let client = launch(peer).await;
    let lookup = within(client.dispense("lookup")).await;
    (client, lookup.expect("it dispenses"))
}

pub async fn an_option_as_the_argument_and_as_the_reply(peer: Peer) {
    let (client, lookup) = lookup(peer).await;
    for (key, size) in [
        (Some("7"), Some(7)),
        (Some("0"), Some(0)),
        (Some(""), None),
        (None, Some(-1)),
    ] {
        let found = within(lookup.size(key.map(str::to_owned))).await;
        assert_eq!(found.unwrap(), size, "{key:?}");
    }
    for (key, name) in [("of Ann", Some("Ann")), ("of ", Some("")), ("", None)] {
        let owner = within(lookup.owner(key.into())).await.unwrap();
        assert_eq!(owner.map(|owner| owner.name).as_deref(), name);
    }
    client.kill().await;
}

fn parcel(age: i64, seconds: u64) -> Parcel<Person, Any> {
    let person = |name: &str| Person {
        name: name.into(),
        age,
    };
    Parcel {
        payload: person("Ann"),
        held: Any::named("*people.Person", &person("Bob")).unwrap(),
        wait: Duration::from_secs(seconds),
    }
}

pub async fn values_of_types_that_are_not_known_pass_through(peer: Peer) {
    let (client, lookup) = lookup(peer).await;
    let bytes = gob::to_vec(&parcel(0, 1)).unwrap();
    for _ in 0..3 {
        let passed = within(lookup.pass(gob::from_slice(&bytes).unwrap())).await;
        let passed: Parcel<Person, Any> = passed.unwrap().decode().unwrap();
        assert_eq!(passed.payload, parcel(0, 1).payload);
        assert_eq!(passed.held.name(), "*people.Person");

        let aged = within(lookup.age(gob::from_slice(&bytes).unwrap())).await;
        let aged = gob::to_vec(&aged.unwrap()).unwrap();
        let aged: Parcel<Person, Any> = gob::from_slice(&aged).unwrap();
        assert_eq!((aged.payload.age, aged.wait.as_secs()), (1, 2));
        assert_eq!(aged.held.name(), "*people.Person");
        assert_eq!(aged.held.decode::<Person>().unwrap().age, 1);
    }
    client.kill().await;
}
