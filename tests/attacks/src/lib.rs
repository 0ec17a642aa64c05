//! What the attacks share: a victim in a process of its own, and frames written by hand.

pub mod victim;
pub mod wire;

/// How many times as large as usual an attack is, from the environment variable `PLUGWIRE_ROUNDS`.
pub fn rounds() -> usize {
    let rounds = std::env::var("PLUGWIRE_ROUNDS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(1)
}
