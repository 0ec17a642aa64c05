//! gob: types, streams, limits, and what Go makes of it.

mod against_go;
mod against_go_names;
mod alloc;
mod attributes;
mod dynamic;
mod go;
mod golden;
mod hostile;
mod kinds;
mod layers;
mod limits;
mod losses;
mod maps;
mod marshal;
mod optional;
mod pass_on;
mod person;
mod plain;
mod positional;
mod properties;
mod shapes;
mod vectors;

#[global_allocator]
static ALLOCATOR: support::alloc::Counting = support::alloc::Counting;
