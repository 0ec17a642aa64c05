//! What crosses the wire. Each peer takes the same types, by whichever derive it asks for; gob
//! matches fields by name, so the names are those of `go/bench/types.go`.

use std::collections::HashMap;
use std::sync::Arc;

use gobwire::Gob;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct UserId {
    pub idp: String,
    pub opaque_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub mail: String,
    pub display_name: String,
    pub groups: Vec<String>,
    pub opaque: HashMap<String, String>,
}

impl User {
    /// The check on each reply, cheap enough not to be what is measured, the same in Go.
    pub fn is(&self, other: &User) -> bool {
        self.id.opaque_id == other.id.opaque_id
            && self.mail == other.mail
            && self.groups.len() == other.groups.len()
            && self.opaque.len() == other.opaque.len()
    }
}

/// What one side has read or written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct Digest {
    pub bytes: u64,
    pub sum: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct WriteArgs {
    pub id: u32,
    pub bytes: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct OnLoadArgs {
    pub file: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct OnLoadReply {
    pub count: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserArgs {
    pub id: UserId,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct UserReply {
    pub user: User,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct ClaimArgs {
    pub claim: String,
    pub value: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct GroupsReply {
    pub groups: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct FindArgs {
    pub query: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Gob)]
#[serde(rename_all = "PascalCase")]
pub struct FindReply {
    pub users: Vec<User>,
}

/// The same as its plugin has it: the users that it keeps, as Go's reply shares the strings of its
/// users with them. For peers whose types need not be the same on both sides.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FoundUsers {
    pub users: Vec<Arc<User>>,
}
