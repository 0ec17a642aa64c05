//! The logs of plugins, as hclog writes them.

pub(crate) mod timestamp;
