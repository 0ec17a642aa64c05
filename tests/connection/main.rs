//! A connection of a host and a plugin: what is taken of a peer.

mod check;
mod limits;
