//! A struct with a field of each kind that is frequent.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Person {
    pub name: String,
    pub age: i64,
    pub tags: Vec<String>,
}

pub fn ann() -> Person {
    Person {
        name: "Ann".into(),
        age: 40,
        tags: vec!["x".into()],
    }
}
