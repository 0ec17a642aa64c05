//! A long run of crashes, reloads and idle stops under load: `fault-soak MINUTES [DIRECTORY]`. It
//! is its own plugin. It writes `fault-soak.csv` and `fault-soak.svg`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use plugwire_faults::{soak, worker};

fn main() -> ExitCode {
    worker::serve_if_asked();
    let mut arguments = std::env::args().skip(1);
    let minutes = arguments.next().and_then(|text| text.parse::<f64>().ok());
    let time = minutes.and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
    let Some(time) = time.filter(|time| !time.is_zero()) else {
        eprintln!("fault-soak MINUTES [DIRECTORY]");
        return ExitCode::from(2);
    };
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let csv = std::fs::File::create(directory.join("fault-soak.csv"));
    let mut csv = csv.expect("the directory can be written to");
    let program = std::env::current_exe().expect("this program");
    let mut seconds = 0u64;
    let each = |line: &str| {
        writeln!(csv, "{line}").expect("the file can be written to");
        if seconds.is_multiple_of(60) {
            println!("{line}");
        }
        seconds += 1;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let soak = match runtime.block_on(soak::run(&program, time, 1, each)) {
        Ok(soak) => soak,
        Err(error) => {
            eprintln!("fault-soak: {error}");
            return ExitCode::FAILURE;
        }
    };
    let plot = std::fs::write(directory.join("fault-soak.svg"), soak.svg());
    plot.expect("the directory can be written to");
    let (text, is_good) = soak.verdict();
    print!("{text}");
    match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
