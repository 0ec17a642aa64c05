//! `plugwire::testing`: connections in memory, faults on demand, and recordings.

mod each_byte;
mod fake_plugin;
mod faults;
mod recordings;
mod store;
