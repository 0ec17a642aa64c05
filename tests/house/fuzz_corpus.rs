//! Every committed input of the fuzz targets, and every input that a fuzzer once broke something
//! with.

#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The inputs of one target, by file name.
fn inputs(kind: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(kind)
        .join(target);
    // A target that never crashed has no directory of crashes.
    let Ok(entries) = fs::read_dir(&directory) else {
        return Vec::new();
    };
    let mut inputs: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    inputs.sort();
    inputs
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Far longer than any input takes, be the machine busy and nothing optimized.
const PATIENCE: Duration = Duration::from_secs(60);

/// False when the target is still at it after a long time: its deadlines are in virtual time, which
/// does not pass in a loop without end.
fn ends(target: fn(&[u8]), input: Vec<u8>) -> bool {
    let (end, ended) = mpsc::channel();
    thread::spawn(move || {
        target(&input);
        let _ = end.send(());
    });
    // A panic is counted elsewhere.
    !matches!(
        ended.recv_timeout(PATIENCE),
        Err(mpsc::RecvTimeoutError::Timeout)
    )
}

/// Whether this thread runs another test, which fails by itself. Threads of tests have their names.
fn is_of_another_test() -> bool {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    name.contains("::") && !name.starts_with("fuzz_corpus::")
}

/// One test for all, since the hook that counts panics is the process's: a panic in a task is no
/// failure of the test that spawned it.
#[test]
fn every_input_of_the_fuzz_targets_is_harmless() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !is_of_another_test() {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        hook(info);
    }));
    for (name, target) in targets::ALL {
        let corpus = inputs("corpus", name);
        assert!(!corpus.is_empty(), "{name} has no corpus");
        for (file, input) in corpus.into_iter().chain(inputs("crashes", name)) {
            // A panic does not say which input it came from.
            eprintln!("{name}/{file}");
            assert!(ends(target, input), "{name}/{file}: no end");
            assert_eq!(
                PANICS.load(Ordering::SeqCst),
                0,
                "{name}/{file}: a panic in a task"
            );
        }
    }
}
