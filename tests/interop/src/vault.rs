//! A plugin whose methods fail with errors of their own type: `go/internal/shapes/vault.go` has it
//! by hand.

use std::sync::Arc;

use plugwire::connection::PluginSet;
use plugwire::{Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub enum VaultError {
    #[error("there is no key {0:?}")]
    NotFound(String),
    #[error("{key} is locked for {seconds} s")]
    Locked { key: String, seconds: u64 },
    #[error("cannot read the vault")]
    Unreadable(#[source] Disk),
    /// The call failed, or its error is of no type that this side knows.
    #[error(transparent)]
    Call(#[from] Error),
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("sector {0} is bad")]
pub struct Disk(pub u32, #[source] pub Option<Cable>);

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("the cable is loose")]
pub struct Cable;

/// `Result` under another name.
pub type Answer<T> = std::result::Result<T, VaultError>;

#[plugwire::interface]
pub trait Vault {
    /// Of a key such as "none", "locked" or "unreadable"; any other gives its length.
    async fn get(&self, key: String) -> Answer<i64>;
    /// Asks another vault, in whichever process it is.
    async fn ask(&self, key: String, other: Arc<dyn Vault>) -> Answer<i64>;
    /// The same, without the type of the error.
    async fn relay(&self, key: String, other: Arc<dyn Vault>) -> Result<i64>;
    /// Gives back what it got: its calls go through this process.
    async fn adopt(&self, other: Arc<dyn Vault>) -> Answer<Arc<dyn Vault>>;
}

/// The same service, of which a host knows no error type.
#[plugwire::interface]
pub trait Opaque {
    async fn get(&self, key: String) -> Result<i64>;
}

pub fn plugins(plugins: PluginSet) -> PluginSet {
    plugins.register::<dyn Vault>("vault", || Ok(Arc::new(Rooms)))
}

/// The only implementation.
pub struct Rooms;

#[plugwire::interface]
impl Vault for Rooms {
    async fn get(&self, key: String) -> Answer<i64> {
        match &*key {
            "none" => Err(VaultError::NotFound(key)),
            "locked" => Err(VaultError::Locked { key, seconds: 30 }),
            "unreadable" => Err(VaultError::Unreadable(Disk(7, Some(Cable)))),
            _ => Ok(key.len() as i64),
        }
    }

    async fn ask(&self, key: String, other: Arc<dyn Vault>) -> Answer<i64> {
        other.get(key).await
    }

    async fn relay(&self, key: String, other: Arc<dyn Vault>) -> Result<i64> {
        let got = other.get(key).await;
        got.map_err(|error| Error::typed(&error))
    }

    async fn adopt(&self, other: Arc<dyn Vault>) -> Answer<Arc<dyn Vault>> {
        Ok(other)
    }
}
