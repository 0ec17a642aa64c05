//! Which room of `src` imports which: none imports from one above it.

use crate::tree;

/// The rooms from the bottom up. Those of one line do not import each other.
const LAYERS: &[&[&str]] = &[
    // The crates below under their names here, and what every room uses.
    &["gob", "mux", "InvalidOption", "tuning"],
    &["event", "sys"],
    &["hclog", "handshake", "tls"],
    &["codec"],
    &["rpc"],
    &["broker"],
    &["interface"],
    &["connection"],
    &["host", "plugin"],
    &["testing"],
];

/// The layer of a room, and the room.
fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&room))
}

/// The room of `src` that a file belongs to.
fn room_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("src/")?;
    let room = rest.split('/').next()?;
    Some(room.strip_suffix(".rs").unwrap_or(room))
}

/// The rooms that a line of code names: `crate::rpc::…`, `crate::{broker, rpc}`.
fn named(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut rooms = Vec::new();
    for (at, mark) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| is_name(c) || c == '$') {
            continue;
        }
        let rest = &code[at + mark.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                let names = list.split(',').map(|name| name.trim());
                rooms.extend(names.filter_map(|name| name.split("::").next()));
            }
            None => rooms.extend(rest.split(|c| !is_name(c)).next()),
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

#[test]
fn no_room_imports_from_one_above_it() {
    let mut wrong = Vec::new();
    for source in tree::sources(&[".rs"]) {
        let Some(room) = room_of(&source.path).filter(|&room| room != "lib") else {
            continue;
        };
        let Some(own) = layer(room) else {
            wrong.push(format!("{}: `{room}` is in no layer", source.path));
            continue;
        };
        for (index, line) in source.text.lines().enumerate() {
            for used in named(line).into_iter().filter(|&used| used != room) {
                let place = format!("{}:{}", source.path, index + 1);
                match layer(used) {
                    Some(below) if below < own => {}
                    Some(_) => wrong.push(format!("{place}: `{room}` imports `{used}`")),
                    None => wrong.push(format!("{place}: `{used}` is in no layer")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rooms_are_found_in_a_line() {
    assert_eq!(named("use crate::rpc::{Client, Server};"), ["rpc"]);
    assert_eq!(named("use crate::{broker, rpc::Codec};"), ["broker", "rpc"]);
    assert_eq!(named("    x: crate::gob::Any, // not crate::host"), ["gob"]);
    assert!(named("//! See [`host`](crate::host).").is_empty());
    assert!(named("$crate::__private::Any").is_empty());
}
