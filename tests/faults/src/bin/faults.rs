//! Rounds of faults: `faults [ROUNDS] [SEED]`. It is its own plugin.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use plugwire_faults::{rounds, worker};

fn main() -> ExitCode {
    worker::serve_if_asked();
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse());
    let (rounds, seed) = match (arguments.next(), arguments.next()) {
        (Some(Ok(rounds)), None) => (rounds, None),
        (Some(Ok(rounds)), Some(Ok(seed))) => (rounds, Some(seed)),
        (None, None) => (500, None),
        _ => {
            eprintln!("faults [ROUNDS] [SEED]");
            return ExitCode::from(2);
        }
    };
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(1, |now| now.as_secs())
    });
    println!("seed {seed}");
    let program = std::env::current_exe().expect("this program");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let rounds = usize::try_from(rounds).expect("a number of rounds");
    match runtime.block_on(rounds::run(&program, rounds, seed)) {
        Ok(report) => {
            print!("{report}");
            match report.is_good() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::FAILURE
        }
    }
}
