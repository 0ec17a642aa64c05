//! The source in layers: a file imports only from its own layer and from those below it, and no
//! more than three files import each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up. A file of `src` and the folder of its name are one layer.
const LAYERS: [&str; 18] = [
    "error",       // what can go wrong
    "wire",        // integers, floats, counted bytes
    "types",       // types, tables of them, their definitions
    "raw",         // messages and values without serde
    "dynamic",     // values of types that only the sender knows
    "passthrough", // values that serde cannot carry, and the markers that announce them
    "compat",      // what serde does not tell and is found out
    "trace",       // learning types from Deserialize
    "ser",         // the serializer
    "de",          // the deserializer
    "encode",      // streams, going out
    "prepared",    // values that wait for their stream
    "decode",      // streams, coming in
    "flat",        // headers of messages, without serde
    "adapters",    // types that serde has no form for
    "time",        // time.Time
    "io",          // std::io
    "lib",         // what users see
];

/// The files of `src`, each with what it imports, tests aside.
fn sources() -> BTreeMap<String, String> {
    fn read(folder: &Path, name: &str, into: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let name = match name {
                "" => stem.to_owned(),
                parent => format!("{parent}::{stem}"),
            };
            if path.is_dir() {
                read(&path, &name, into);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            into.insert(name, code);
        }
    }
    let mut found = BTreeMap::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "",
        &mut found,
    );
    found
}

/// The paths in a file's code, from the root of the crate: `raw::walk::field`.
fn paths(file: &str, code: &str) -> BTreeSet<String> {
    let inside = |path: &str, up: usize| {
        let parts: Vec<&str> = file.split("::").collect();
        let mut parts = parts[..parts.len().saturating_sub(up)].to_vec();
        parts.extend(path.split("::").filter(|part| !part.is_empty()));
        parts.join("::")
    };
    let mut found = BTreeSet::new();
    for (prefix, up) in [("crate::", usize::MAX), ("super::", 1), ("self::", 0)] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|char| char.is_alphanumeric() || ":_$".contains(char)) {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            let ends = |char: char| !(char.is_alphanumeric() || ":_".contains(char));
            let path = &rest[..rest.find(ends).unwrap_or(rest.len())];
            // Of several names, each is one of the same file or a file of its own.
            let group = rest[path.len()..].strip_prefix('{');
            let group = group.map_or("", |names| names.split('}').next().unwrap_or_default());
            found.insert(inside(path, up));
            found.extend(
                group
                    .split(',')
                    .map(|name| inside(&format!("{path}::{}", name.trim()), up)),
            );
        }
    }
    found
}

/// Which files a file imports. What a facade only passes on is no import.
fn imports(sources: &BTreeMap<String, String>) -> BTreeMap<&str, BTreeSet<&str>> {
    let of = |(file, code): (&'_ String, &String)| -> BTreeSet<&str> {
        let code: String = code
            .split(';')
            .filter(|item| !(item.trim_start().starts_with("pub") && item.contains("use ")))
            .collect();
        let longest = |path: &String| {
            let fits = |name: &&String| {
                path == *name
                    || path
                        .strip_prefix(*name)
                        .is_some_and(|rest| rest.starts_with("::"))
            };
            sources.keys().filter(fits).max_by_key(|name| name.len())
        };
        let found = paths(file, &code);
        let found = found.iter().filter_map(longest).map(String::as_str);
        found.filter(|name| name != file).collect()
    };
    sources
        .iter()
        .map(|source| (source.0.as_str(), of(source)))
        .collect()
}

#[test]
fn a_file_imports_only_from_its_layer_and_those_below() {
    let sources = sources();
    let layer = |file: &str| {
        let name = file.split("::").next().unwrap();
        let at = LAYERS.iter().position(|layer| *layer == name);
        at.unwrap_or_else(|| panic!("{file} is in no layer: add it to LAYERS"))
    };
    for (file, imported) in imports(&sources) {
        for other in imported {
            assert!(
                layer(other) <= layer(file),
                "{file} imports {other} from above"
            );
        }
    }
}

#[test]
fn at_most_three_files_import_each_other() {
    let sources = sources();
    let imports = imports(&sources);
    let reached = |from: &str| {
        let mut found = BTreeSet::new();
        let mut queue: Vec<&str> = imports[from].iter().copied().collect();
        while let Some(file) = queue.pop() {
            if found.insert(file) {
                queue.extend(&imports[file]);
            }
        }
        found
    };
    let reached: BTreeMap<&str, _> = imports.keys().map(|file| (*file, reached(file))).collect();
    for (file, others) in &reached {
        let circle: Vec<_> = others
            .iter()
            .filter(|other| reached[**other].contains(file))
            .collect();
        assert!(circle.len() <= 3, "{circle:?} import each other");
    }
}

/// The tests above find what they look for.
#[test]
fn imports_are_found() {
    let sources = sources();
    let imports = imports(&sources);
    for (file, other) in [
        ("wire::cursor", "wire::bits"),
        ("wire::cursor", "error"),
        ("raw::decoder", "raw::walk"),
        ("ser::fields", "ser::fast::plain"),
        ("adapters::any", "passthrough"),
    ] {
        assert!(imports[file].contains(other), "{file}: {:?}", imports[file]);
    }
    assert!(!imports["error"].contains("error::decode"), "a facade");
}
