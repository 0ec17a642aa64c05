//! Errors of a trait's own type. From a Rust plugin they keep it; from Go's plugin the text comes.

use std::error::Error as StdError;
use std::process::Command;
use std::sync::Arc;

use plugwire::broker::BrokerConfig;
use plugwire::codec::Codec;
use plugwire::connection::ConnectionConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::{Error, Remote, Result};
use plugwire_interop::shapes;
use plugwire_interop::vault::{Answer, Disk, Opaque, Rooms, Vault, VaultError};

use crate::go;
use crate::peer::Peer;
use support::within;

/// The codecs that a plugin speaks: Go's net/rpc server speaks one.
fn codecs(peer: Peer) -> &'static [Codec] {
    match peer.is_rust() {
        true => &[Codec::Gob, Codec::MsgPack],
        false => &[Codec::Gob],
    }
}

async fn launch(peer: Peer, codec: Codec) -> Client {
    let mut command = match peer.is_rust() {
        true => Command::new(env!("CARGO_BIN_EXE_shape-plugin")),
        false => Command::new(go::program("shapeplugin")),
    };
    if codec == Codec::MsgPack {
        command.arg("msgpack");
    }
    let broker = BrokerConfig::default().codec(codec);
    let connection = ConnectionConfig::default().broker(broker);
    let config = ClientConfig::new(shapes::HANDSHAKE, command).connection(connection);
    within(Client::launch(config)).await.expect("it starts")
}

async fn vault(peer: Peer, codec: Codec) -> (Client, Remote<dyn Vault>) {
    let client = launch(peer, codec).await;
    let vault = within(client.dispense("vault")).await;
    (client, vault.expect("it dispenses"))
}

/// The error of a key, as the caller of a vault gets it. `typed` is whether its type is kept.
async fn check(vault: &dyn Vault, typed: bool) {
    let none = within(vault.get("none".into())).await.unwrap_err();
    check_none(&none, typed);
    let locked = within(vault.get("locked".into())).await.unwrap_err();
    assert_eq!(locked.to_string(), "locked is locked for 30 s");
    match locked {
        VaultError::Locked { key, seconds } if typed => {
            assert_eq!((&*key, seconds), ("locked", 30))
        }
        other => assert!(!typed && matches!(other, VaultError::Call(_)), "{other:?}"),
    }
    assert_eq!(within(vault.get("four".into())).await.unwrap(), 4);
}

fn check_none(error: &VaultError, typed: bool) {
    assert_eq!(error.to_string(), "there is no key \"none\"");
    match typed {
        true => assert!(matches!(error, VaultError::NotFound(_)), "{error:?}"),
        false => assert!(matches!(error, VaultError::Call(_)), "{error:?}"),
    }
}

pub async fn an_error_keeps_its_type(peer: Peer) {
    for &codec in codecs(peer) {
        let (client, vault) = vault(peer, codec).await;
        check(&vault, peer.is_rust()).await;
        client.kill().await;
    }
}

/// The plugin asks the host, and fails with what it got.
pub async fn an_error_keeps_its_type_through_a_callback(peer: Peer) {
    for &codec in codecs(peer) {
        let (client, vault) = vault(peer, codec).await;
        let asked = within(vault.ask("none".into(), Arc::new(Rooms))).await;
        check_none(&asked.unwrap_err(), peer.is_rust());
        // And where the plugin's method has no such type.
        let relayed = within(vault.relay("none".into(), Arc::new(Rooms))).await;
        let error = relayed.unwrap_err();
        assert_eq!(error.to_string(), "there is no key \"none\"");
        let value = error.downcast::<VaultError>();
        match peer.is_rust() {
            true => assert!(matches!(value, Some(VaultError::NotFound(_))), "{value:?}"),
            false => assert!(value.is_none(), "{value:?}"),
        }
        client.kill().await;
    }
}

/// The vault of one plugin is handed to another, and comes back.
pub async fn an_error_keeps_its_type_through_a_third_process(peer: Peer) {
    for &codec in codecs(peer) {
        let (first, one) = vault(Peer::Rust, codec).await;
        let (second, two) = vault(peer, codec).await;
        let adopted = within(two.adopt(Arc::new(one))).await.unwrap();
        check(&*adopted, peer.is_rust()).await;
        first.kill().await;
        second.kill().await;
    }
}

/// A host's own object, which stands between two vaults and knows no type.
struct Between(Remote<dyn Opaque>);

#[plugwire::interface]
impl Opaque for Between {
    async fn get(&self, key: String) -> Result<i64> {
        self.0.get(key).await
    }
}

/// The same as a vault.
struct Known(Arc<dyn Opaque>);

#[plugwire::interface]
impl Vault for Known {
    async fn get(&self, key: String) -> Answer<i64> {
        Ok(self.0.get(key).await?)
    }

    async fn ask(&self, _key: String, _other: Arc<dyn Vault>) -> Answer<i64> {
        Ok(0)
    }

    async fn relay(&self, _key: String, _other: Arc<dyn Vault>) -> Result<i64> {
        Ok(0)
    }

    async fn adopt(&self, other: Arc<dyn Vault>) -> Answer<Arc<dyn Vault>> {
        Ok(other)
    }
}

/// From a Rust plugin to the host by a trait without the type, and on to another plugin.
pub async fn a_host_that_does_not_know_the_type_passes_it_on(peer: Peer) {
    for &codec in codecs(peer) {
        let (first, _) = vault(Peer::Rust, codec).await;
        let opaque = within(first.dispense::<dyn Opaque>("vault")).await.unwrap();
        let between = Between(opaque);
        let error = within(between.get("none".into())).await.unwrap_err();
        let peer_error = error.peer_error().expect("the plugin's");
        assert_eq!(peer_error.type_name(), Some("VaultError"));
        assert!(matches!(
            error.downcast(),
            Some(VaultError::NotFound(key)) if key == "none"
        ));
        // A variant that holds it crosses with all that it holds.
        let (second, two) = vault(peer, codec).await;
        let known = Known(Arc::new(between));
        let asked = within(two.ask("none".into(), Arc::new(known))).await;
        let error = asked.unwrap_err();
        assert_eq!(error.to_string(), "there is no key \"none\"");
        let VaultError::Call(error) = error else {
            panic!("{error:?}");
        };
        let value = error.downcast::<VaultError>();
        match peer.is_rust() {
            true => assert!(matches!(value, Some(VaultError::NotFound(_))), "{value:?}"),
            false => assert!(value.is_none(), "{value:?}"),
        }
        first.kill().await;
        second.kill().await;
    }
}

fn texts(error: &dyn StdError) -> Vec<String> {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.map(ToString::to_string).collect()
}

pub async fn the_causes_of_an_error_arrive(peer: Peer) {
    for &codec in codecs(peer) {
        let (client, vault) = vault(peer, codec).await;
        let error = within(vault.get("unreadable".into())).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read the vault");
        match peer.is_rust() {
            true => {
                assert!(matches!(error, VaultError::Unreadable(Disk(7, Some(_)))));
                assert_eq!(texts(&error), ["sector 7 is bad", "the cable is loose"]);
            }
            false => assert!(texts(&error).is_empty()),
        }
        // Where the value is of no type that is known, the texts are there.
        let opaque = within(client.dispense::<dyn Opaque>("vault"))
            .await
            .unwrap();
        let error = within(opaque.get("unreadable".into())).await.unwrap_err();
        assert!(matches!(error, Error::Call(_)));
        match peer.is_rust() {
            true => assert_eq!(texts(&error), ["sector 7 is bad", "the cable is loose"]),
            false => assert!(texts(&error).is_empty()),
        }
        client.kill().await;
    }
}
