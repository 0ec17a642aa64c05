//! The shape of the sources: narrow lines, short files, no unsafe code.

use crate::tree::{self, Source};

/// The most columns that a line of code has, comments included.
const COLUMNS: usize = 100;

/// The most lines that a file of the crates has.
const LINES: usize = 600;

/// Crates with unsafe code, and why.
const UNSAFE: &[(&str, &str)] = &[(
    "tests/support",
    "an allocator that counts is an unsafe trait",
)];

/// True for a line that cannot well be broken: an address, or a string that makes it so wide.
fn is_unbreakable(line: &str) -> bool {
    let is_comment = line.trim_start().starts_with("//");
    // A row of a table has one line.
    if line.contains("://") || (is_comment && line.contains("! | ") || line.contains("/// | ")) {
        return true;
    }
    match (line.find('"'), line.rfind('"')) {
        (Some(start), Some(end)) if !is_comment => end - start > COLUMNS / 2,
        _ => false,
    }
}

#[test]
fn lines_have_at_most_100_columns() {
    let sources = tree::sources(&[".rs"]);
    let mut found = Vec::new();
    for source in &sources {
        // A macro's output, as prettyplease prints it.
        if source.path == "docs/interface-expanded.rs" {
            continue;
        }
        for (index, line) in source.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS && !is_unbreakable(line) {
                found.push((source, index + 1, format!("{columns} columns")));
            }
        }
    }
    tree::report("lines of 100 columns", found);
}

/// A source of a crate, not of its tests.
fn is_of_a_crate(source: &Source) -> bool {
    let mut parts = source.path.split('/');
    match parts.next() {
        Some("src") => true,
        Some("crates") => parts.nth(1) == Some("src"),
        _ => false,
    }
}

#[test]
fn files_have_at_most_600_lines() {
    let sources = tree::sources(&[".rs"]);
    let crates = sources.iter().filter(|source| is_of_a_crate(source));
    let long = crates.filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LINES).then(|| (source, LINES + 1, format!("{lines} lines")))
    });
    tree::report("files of 600 lines", long);
}

#[test]
fn crates_forbid_unsafe_code() {
    let manifests = tree::sources(&["Cargo.toml"]);
    let mut found = Vec::new();
    let mut roots = 0;
    for manifest in &manifests {
        let directory = manifest.path.trim_end_matches("Cargo.toml");
        if UNSAFE
            .iter()
            .any(|(excepted, _)| directory == format!("{excepted}/"))
        {
            continue;
        }
        for root in ["src/lib.rs", "src/main.rs"] {
            let path = format!("{directory}{root}");
            let Ok(text) = std::fs::read_to_string(tree::root().join(&path)) else {
                continue;
            };
            roots += 1;
            if !text.contains("#![forbid(unsafe_code)]") {
                found.push((manifest, 1, format!("{path} does not forbid unsafe code")));
            }
        }
    }
    assert!(roots >= 7, "{roots}");
    tree::report("no unsafe code", found);
}
