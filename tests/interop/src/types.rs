//! The arguments and replies of the kit's methods, as Go names them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Address {
    pub street: String,
    pub city: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    pub name: String,
    pub age: i64,
    pub email: String,
    pub tags: Vec<String>,
    /// Go tells a nil map from an empty one.
    pub scores: Option<BTreeMap<String, f64>>,
    pub address: Address,
    pub manager: Option<Box<User>>,
    pub avatar: Vec<u8>,
    pub active: bool,
    pub id: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    pub summary: String,
    pub user: User,
    pub depth: i64,
    pub tag_count: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EchoArgs {
    pub seq: i64,
    pub payload: Vec<u8>,
    pub delay_micros: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EchoReply {
    pub seq: i64,
    pub payload: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddArgs {
    pub a: i64,
    pub b: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Digest {
    pub bytes: i64,
    pub sha256: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WriteArgs {
    pub id: u32,
    pub bytes: i64,
    pub chunk: i64,
    pub seed: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TrickleArgs {
    pub id: u32,
    pub count: i64,
    pub interval_millis: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrintArgs {
    pub lines: i64,
    pub width: i64,
    pub target: String,
}

/// What [`PrintArgs`] makes the kit write to one of its outputs.
pub fn printed(prefix: &str, lines: i64, width: i64) -> String {
    (0..lines)
        .map(|line| {
            let start = format!("{prefix} {line:06} ");
            let fill = (width as usize).saturating_sub(start.len());
            format!("{start}{}\n", "x".repeat(fill))
        })
        .collect()
}

/// A user with something in every field, whose manager has a manager.
pub fn ada() -> User {
    let boss = User {
        name: "Grace".into(),
        age: -1,
        ..User::default()
    };
    let manager = User {
        name: "Alan".into(),
        tags: vec![String::new(), "x".into()],
        manager: Some(Box::new(boss)),
        ..User::default()
    };
    User {
        name: "Ada".into(),
        age: 36,
        email: "ada@example.org".into(),
        tags: vec!["math".into(), "poetry".into(), "ünïcode".into()],
        scores: Some(BTreeMap::from([
            ("a".into(), 0.5),
            ("b".into(), -1e300),
            ("z".into(), 0.0),
        ])),
        address: Address {
            street: "St James's Square".into(),
            city: "London".into(),
        },
        manager: Some(Box::new(manager)),
        avatar: (0..=255).collect(),
        active: true,
        id: u64::MAX,
    }
}
