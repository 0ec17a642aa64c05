//! The names of tests in `docs/parity.md` are names of tests.

use std::collections::HashSet;
use std::path::Path;

/// All the words of the sources in a directory and below it.
fn words(directory: &Path, into: &mut HashSet<String>) {
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            words(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            // A test is a function, or one of the cases that Go's host runs.
            let names = source.lines().filter_map(|line| {
                let line = line.trim();
                let line = line.strip_prefix("pub ").unwrap_or(line);
                let line = line.strip_prefix("async ").unwrap_or(line);
                match line.strip_prefix("fn ") {
                    Some(function) => function.split(['(', '<']).next(),
                    None => line.strip_suffix(','),
                }
            });
            into.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut present = HashSet::new();
    for directory in ["crates", "src", "tests"] {
        words(&root.join(directory), &mut present);
    }

    let page = std::fs::read_to_string(root.join("docs/parity.md")).unwrap();
    let mut named = 0;
    for line in page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Go"))
    {
        let column = line.trim_end_matches('|').rsplit('|').next().unwrap();
        for name in column.split('`').skip(1).step_by(2) {
            assert!(present.contains(name), "no test {name}: {line}");
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
}
