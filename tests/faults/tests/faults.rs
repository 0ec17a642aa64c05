//! A few rounds of faults; `src/bin/faults.rs` has as many as you like.
#![cfg(target_os = "linux")]

use std::path::Path;

use plugwire_faults::rounds;

fn number(variable: &str, usual: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(usual, |value| value.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_under_each_fault_answers_or_says_why_and_nothing_is_left() {
    let (rounds, seed) = (number("PLUGWIRE_ROUNDS", 24), number("PLUGWIRE_SEED", 1));
    let program = Path::new(env!("CARGO_BIN_EXE_faults"));
    let rounds = usize::try_from(rounds).unwrap();
    let report = rounds::run(program, rounds, seed).await;
    let report = report.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    println!("{report}");
    assert!(report.is_good(), "{report}");
    assert!(report.tally.answered > 0 && report.recoveries.values().flatten().count() == rounds);
}
