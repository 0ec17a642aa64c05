//! The contenders, a file each: a host's end and a plugin.

pub mod floor_std;
pub mod floor_tokio;
pub mod goplugin;
pub mod plugwire;
pub mod remoc;
pub mod tarpc;
