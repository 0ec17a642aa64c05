//! What plugwire's crates share: not an API for others.
//!
//! Any release may change anything here. The crates that document a type re-export it, as they do
//! [`InvalidOption`].

#![warn(unreachable_pub)]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod attempt;
pub mod chain;
pub mod escape;
pub mod field_quirks;
mod option;

#[cfg(feature = "tokio")]
pub mod abandoned;
#[cfg(feature = "tokio")]
pub mod instant;
#[cfg(feature = "tokio")]
pub mod notify;
#[cfg(feature = "tokio")]
pub mod rate_limited_log;
#[cfg(all(unix, feature = "net"))]
pub mod readiness;
#[cfg(feature = "tokio")]
pub mod rescue;

pub use option::InvalidOption;
