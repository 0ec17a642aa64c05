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

/// A file of the repository.
pub struct Source {
    /// Relative to the root, with slashes.
    pub path: String,
    pub text: String,
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

/// Fails for what was found: the file, the line, and what is wrong with it.
pub fn report<'a>(rule: &str, found: impl IntoIterator<Item = (&'a Source, usize, String)>) {
    let wrong: Vec<String> = found
        .into_iter()
        .map(|(source, line, what)| format!("{}:{line}: {what}", source.path))
        .collect();
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}
