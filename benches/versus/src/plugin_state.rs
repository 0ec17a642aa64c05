//! What every Rust plugin does behind its protocol: the user store of the reva rows, and the gate
//! at which idle calls wait. `go/bench` has the same.

use std::any::Any;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc};

use crate::process::monotonic;
use crate::types::*;

/// One plugin process. Cheap to clone.
#[derive(Clone, Default)]
pub struct PluginState(Arc<Inner>);

#[derive(Default)]
struct Inner {
    users: RwLock<Vec<Arc<User>>>,
    waiting: AtomicU64,
    released: Notify,
    held: Mutex<Vec<Box<dyn Any + Send>>>,
    hangs: Hangs,
}

/// Calls that never end.
struct Hangs {
    began: Notify,
    /// When each was dropped.
    drops: mpsc::UnboundedSender<u64>,
    dropped: AsyncMutex<mpsc::UnboundedReceiver<u64>>,
}

impl Default for Hangs {
    fn default() -> Self {
        let (drops, dropped) = mpsc::unbounded_channel();
        Hangs {
            began: Notify::new(),
            drops,
            dropped: AsyncMutex::new(dropped),
        }
    }
}

/// Notes when it is dropped.
struct Hanging(mpsc::UnboundedSender<u64>);

impl Drop for Hanging {
    fn drop(&mut self) {
        let _ = self.0.send(monotonic());
    }
}

impl PluginState {
    /// Waits until [`release`](Self::release).
    pub async fn wait(&self, number: u64) -> u64 {
        let released = self.0.released.notified();
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        released.await;
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        number
    }

    pub fn waiting(&self) -> u64 {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Ends when it is dropped.
    pub async fn hang(&self) {
        let _hanging = Hanging(self.0.hangs.drops.clone());
        self.0.hangs.began.notify_one();
        std::future::pending().await
    }

    /// Waits until a call hangs.
    pub async fn began(&self) {
        self.0.hangs.began.notified().await;
    }

    /// When a call that hung was dropped.
    pub async fn dropped(&self) -> u64 {
        let dropped = self.0.hangs.dropped.lock().await.recv().await;
        dropped.expect("a sender is kept")
    }

    pub fn release(&self) {
        self.0.released.notify_waiters();
    }

    /// Keeps a stream open.
    pub fn hold(&self, stream: impl Any + Send) {
        self.0
            .held
            .lock()
            .expect("no poison")
            .push(Box::new(stream));
    }

    pub fn on_load(&self, args: OnLoadArgs) -> Result<OnLoadReply, String> {
        let text = fs::read(&args.file).map_err(|error| format!("{}: {error}", args.file))?;
        let users: Vec<Arc<User>> =
            serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let count = users.len() as i64;
        *self.0.users.write().expect("no poison") = users;
        Ok(OnLoadReply { count })
    }

    pub fn get_user(&self, args: GetUserArgs) -> Result<UserReply, String> {
        let user = self.find_one(|user| user.id == args.id)?;
        Ok(UserReply { user })
    }

    pub fn get_user_by_claim(&self, args: ClaimArgs) -> Result<UserReply, String> {
        let claim: fn(&User) -> &String = match args.claim.as_str() {
            "mail" => |user| &user.mail,
            "username" => |user| &user.username,
            other => return Err(format!("unknown claim {other:?}")),
        };
        let user = self.find_one(|user| *claim(user) == args.value)?;
        Ok(UserReply { user })
    }

    pub fn get_user_groups(&self, args: GetUserArgs) -> Result<GroupsReply, String> {
        let users = self.0.users.read().expect("no poison");
        let user = users.iter().find(|user| user.id == args.id);
        let groups = user.ok_or("no such user")?.groups.clone();
        Ok(GroupsReply { groups })
    }

    pub fn find_user(&self, args: FindArgs) -> FindReply {
        let found = self.found_users(args).users;
        FindReply {
            users: found.iter().map(|user| User::clone(user)).collect(),
        }
    }

    pub fn found_users(&self, args: FindArgs) -> FoundUsers {
        let users = self.0.users.read().expect("no poison");
        let matching = users.iter().filter(|user| {
            user.username.contains(&args.query)
                || user.display_name.contains(&args.query)
                || user.mail.contains(&args.query)
                || user.id.opaque_id.contains(&args.query)
        });
        FoundUsers {
            users: matching.cloned().collect(),
        }
    }

    fn find_one(&self, is: impl Fn(&User) -> bool) -> Result<User, String> {
        let users = self.0.users.read().expect("no poison");
        let user = users.iter().find(|user| is(user));
        Ok(User::clone(user.ok_or("no such user")?))
    }
}
