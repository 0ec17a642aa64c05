//! What a host asks of a contender. A notion that a contender lacks is left at its default and
//! shows as a dash in the tables.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::rows::Measured;
use crate::types::*;

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Result<T> = std::result::Result<T, Error>;

/// The contender has no such notion.
#[derive(Debug)]
pub struct Lacks;

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the contender has no such notion")
    }
}

impl std::error::Error for Lacks {}

async fn lacks<T>() -> Result<T> {
    Err(Lacks.into())
}

/// How to start the plugin.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The plugin's executable.
    pub plugin: PathBuf,
    pub args: Vec<String>,
}

/// A running plugin, and the connection to it. A clone is the same connection. Methods check the
/// reply that they get, as far as they know what it has to be.
pub trait Peer: Clone + Send + Sync + 'static {
    fn launch(setup: &Setup) -> impl Future<Output = Result<Self>> + Send;
    /// Ends the plugin and waits until it is gone.
    fn kill(self) -> impl Future<Output = ()> + Send;
    fn plugin_pid(&self) -> u32;

    fn echo(&self, text: &str) -> impl Future<Output = Result<()>> + Send;
    /// The same call by a typed client.
    fn echo_typed(&self, _text: &str) -> impl Future<Output = Result<()>> + Send {
        lacks()
    }
    /// What that one is compared with: on the same connection, with a string of its own as well.
    fn echo_by_hand(&self, _text: &str) -> impl Future<Output = Result<()>> + Send {
        lacks()
    }
    fn echo_user(&self, _user: &User) -> impl Future<Output = Result<User>> + Send {
        lacks()
    }
    /// Asks for the interface once more, and drops it.
    fn dispense(&self) -> impl Future<Output = Result<()>> + Send {
        lacks()
    }
    /// Hands the plugin a fresh interface on which it makes one call.
    fn callback(&self) -> impl Future<Output = Result<()>> + Send {
        lacks()
    }
    /// The plugin reads so many bytes from a reader of the host.
    fn reader(&self, _bytes: u64) -> impl Future<Output = Result<Digest>> + Send {
        lacks()
    }
    /// The plugin writes so many bytes to a writer of the host.
    fn writer(&self, _bytes: u64) -> impl Future<Output = Result<Digest>> + Send {
        lacks()
    }
    /// The plugin receives so many numbers, one item each, and adds them up.
    fn items(&self, _count: u64) -> impl Future<Output = Result<u64>> + Send {
        lacks()
    }
    /// The same with texts of 64 bytes, and their bytes.
    fn texts(&self, _count: u64) -> impl Future<Output = Result<u64>> + Send {
        lacks()
    }
    /// The plugin reads so many blocks of 64 bytes, each of which is a write of its own, and counts
    /// their bytes.
    fn chunks(&self, _count: u64) -> impl Future<Output = Result<u64>> + Send {
        lacks()
    }
    /// Exchanges small messages on one stream for a while. Opening it is not timed.
    fn ping_pong(&self, _limit: Duration) -> impl Future<Output = Result<Measured>> + Send {
        lacks()
    }
    /// Hands the plugin a fresh interface by a trait, as an argument or, if `nested`, in a struct.
    fn callback_typed(&self, _nested: bool) -> impl Future<Output = Result<()>> + Send {
        lacks()
    }
    /// Drops a call. Gives the nanoseconds until the method's future is dropped in the plugin.
    fn cancel(&self) -> impl Future<Output = Result<u64>> + Send {
        lacks()
    }
    /// Checks the types of a trait of six methods.
    fn check(&self) -> Result<()> {
        Err(Lacks.into())
    }
    /// Opens a stream that the plugin keeps, and gives the host's end.
    fn hold_stream(&self) -> impl Future<Output = Result<Box<dyn Send>>> + Send {
        lacks()
    }
    /// A call that waits until `release`, and gives back its number.
    fn wait(&self, _number: u64) -> impl Future<Output = Result<u64>> + Send {
        lacks()
    }
    /// How many calls wait.
    fn waiting(&self) -> impl Future<Output = Result<u64>> + Send {
        lacks()
    }
    fn release(&self) -> impl Future<Output = Result<()>> + Send {
        lacks()
    }
    /// Has the plugin give unused memory back; nothing for those without a collector.
    fn settle(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    fn on_load(&self, _args: &OnLoadArgs) -> impl Future<Output = Result<OnLoadReply>> + Send {
        lacks()
    }
    fn get_user(&self, _args: &GetUserArgs) -> impl Future<Output = Result<UserReply>> + Send {
        lacks()
    }
    fn get_user_by_claim(
        &self,
        _args: &ClaimArgs,
    ) -> impl Future<Output = Result<UserReply>> + Send {
        lacks()
    }
    fn get_user_groups(
        &self,
        _args: &GetUserArgs,
    ) -> impl Future<Output = Result<GroupsReply>> + Send {
        lacks()
    }
    fn find_user(&self, _args: &FindArgs) -> impl Future<Output = Result<FindReply>> + Send {
        lacks()
    }
}

/// The text of the string rows: 64 bytes.
pub const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Fails unless the reply is what was sent.
pub fn same(reply: &str, sent: &str) -> Result<()> {
    if reply == sent {
        Ok(())
    } else {
        Err(format!("the reply is {reply:?}").into())
    }
}
