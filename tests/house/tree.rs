//! The files of the repository that the house rules are for.

use std::fs;
use std::path::{Path, PathBuf};

/// Where there is nothing of ours, or nothing to read: what is built, and what fuzzers wrote.
const SKIPPED: &[&str] = &[
    "benches/versus/results",
    "fuzz/corpus",
    "fuzz/crashes",
    "fuzz/target",
    "target",
];

/// Directories whose owners are still at it: the rules are not enforced there yet.
pub const TO_DO: &[&str] = &[
    "crates/base",
    "crates/gob",
    "crates/yamux",
    "docs/gob-speed.md",
    "src",
];

/// A file of the repository.
pub struct Source {
    /// Relative to the root, with slashes.
    pub path: String,
    pub text: String,
}

impl Source {
    /// The entry of the to-do list that the file belongs to.
    fn to_do(&self) -> Option<&'static str> {
        TO_DO.iter().copied().find(|&directory| {
            let rest = self.path.strip_prefix(directory);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository whose name has one of these endings, in the order of their paths.
pub fn sources(endings: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    walk(root(), endings, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let relative = path.strip_prefix(root()).unwrap().to_str().unwrap();
        Source {
            path: relative.replace('\\', "/"),
            text: fs::read_to_string(&path).unwrap(),
        }
    };
    paths.into_iter().map(read).collect()
}

fn walk(directory: &Path, endings: &[&str], into: &mut Vec<PathBuf>) {
    for entry in directory.read_dir().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            let relative = path.strip_prefix(root()).unwrap();
            let skipped = name.starts_with('.')
                || name == "target"
                || SKIPPED.iter().any(|skipped| relative == Path::new(skipped));
            if !skipped {
                walk(&path, endings, into);
            }
        } else if kind.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
            into.push(path);
        }
    }
}

/// Fails for what was found outside of the to-do list, and counts what is on it.
///
/// What was found: the file, the line, and what is wrong with it.
pub fn report<'a>(rule: &str, found: impl IntoIterator<Item = (&'a Source, usize, String)>) {
    let mut counts = vec![0; TO_DO.len()];
    let mut wrong = Vec::new();
    for (source, line, what) in found {
        let text = format!("{}:{line}: {what}", source.path);
        match source.to_do() {
            // For the owner of a directory: `HOUSE=crates/gob cargo test --test house`.
            Some(_) if std::env::var("HOUSE").is_ok_and(|it| source.path.starts_with(&it)) => {
                wrong.push(text);
            }
            Some(directory) => {
                counts[TO_DO.iter().position(|&it| it == directory).unwrap()] += 1;
            }
            None => wrong.push(text),
        }
    }
    for (directory, count) in TO_DO.iter().zip(counts).filter(|(_, count)| *count > 0) {
        println!("{rule}: {count} to do in {directory}");
    }
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}
