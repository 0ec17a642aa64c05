//! Attacks on plugwire in a process of its own; see this package's README.
#![cfg(target_os = "linux")]

mod blocking;
mod calls;
mod connections;
mod files;
mod leaving;
mod limits;
mod memory;
mod noise;
mod soak;
