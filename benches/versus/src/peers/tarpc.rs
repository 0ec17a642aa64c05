//! tarpc over a unix socket with bincode, or with MessagePack. It has calls, and neither callbacks
//! nor streams.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use tarpc::client;
use tarpc::context::{self, Context};
use tarpc::serde_transport::unix;
use tarpc::server::{BaseChannel, Channel};
use tokio::sync::Mutex;
use tokio_serde::formats::{Bincode, MessagePack};

use crate::peer::{Peer, Result, Setup, same};
use crate::plugin_state::PluginState;
use crate::process::{OwnPlugin, codec, monotonic, socket_path};
use crate::types::*;

#[tarpc::service]
trait Bench {
    async fn echo(text: String) -> String;
    async fn echo_user(user: User) -> User;
    async fn wait(number: u64) -> u64;
    async fn waiting() -> u64;
    async fn release();
    async fn hang();
    async fn began();
    async fn dropped() -> u64;
    async fn on_load(args: OnLoadArgs) -> std::result::Result<OnLoadReply, String>;
    async fn get_user(args: GetUserArgs) -> std::result::Result<UserReply, String>;
    async fn get_user_by_claim(args: ClaimArgs) -> std::result::Result<UserReply, String>;
    async fn get_user_groups(args: GetUserArgs) -> std::result::Result<GroupsReply, String>;
    async fn find_user(args: FindArgs) -> FindReply;
}

#[derive(Clone)]
pub struct Host {
    plugin: Arc<Mutex<Option<OwnPlugin>>>,
    pid: u32,
    bench: BenchClient,
}

impl Peer for Host {
    async fn launch(setup: &Setup) -> Result<Self> {
        let plugin = OwnPlugin::launch(setup).await?;
        // The default is 1,000 calls at once, too few for the idle rows.
        let mut config = client::Config::default();
        config.max_in_flight_requests = usize::MAX;
        let socket = &plugin.socket;
        let bench = match codec() {
            Some(_) => {
                let transport = unix::connect(socket, MessagePack::default).await?;
                BenchClient::new(config, transport).spawn()
            }
            None => {
                let transport = unix::connect(socket, Bincode::default).await?;
                BenchClient::new(config, transport).spawn()
            }
        };
        Ok(Self {
            pid: plugin.pid,
            plugin: Arc::new(Mutex::new(Some(plugin))),
            bench,
        })
    }

    async fn kill(self) {
        if let Some(plugin) = self.plugin.lock().await.take() {
            plugin.kill().await;
        }
    }

    fn plugin_pid(&self) -> u32 {
        self.pid
    }

    async fn echo(&self, text: &str) -> Result<()> {
        let reply = self.bench.echo(context::current(), text.to_owned()).await?;
        same(&reply, text)
    }

    async fn echo_user(&self, user: &User) -> Result<User> {
        Ok(self
            .bench
            .echo_user(context::current(), user.clone())
            .await?)
    }

    async fn cancel(&self) -> Result<u64> {
        let mut hanging = Box::pin(self.bench.hang(context::current()));
        if (&mut hanging).now_or_never().is_some() {
            return Err("a call that hangs has ended".into());
        }
        self.bench.began(context::current()).await?;
        let start = monotonic();
        drop(hanging);
        let dropped = self.bench.dropped(context::current()).await?;
        Ok(dropped.saturating_sub(start))
    }

    async fn wait(&self, number: u64) -> Result<u64> {
        let mut patient = context::current();
        patient.deadline = Instant::now() + Duration::from_secs(3600);
        Ok(self.bench.wait(patient, number).await?)
    }

    async fn waiting(&self) -> Result<u64> {
        Ok(self.bench.waiting(context::current()).await?)
    }

    async fn release(&self) -> Result<()> {
        Ok(self.bench.release(context::current()).await?)
    }

    async fn on_load(&self, args: &OnLoadArgs) -> Result<OnLoadReply> {
        let reply = self.bench.on_load(context::current(), args.clone());
        Ok(reply.await??)
    }

    async fn get_user(&self, args: &GetUserArgs) -> Result<UserReply> {
        let reply = self.bench.get_user(context::current(), args.clone());
        Ok(reply.await??)
    }

    async fn get_user_by_claim(&self, args: &ClaimArgs) -> Result<UserReply> {
        let reply = self
            .bench
            .get_user_by_claim(context::current(), args.clone());
        Ok(reply.await??)
    }

    async fn get_user_groups(&self, args: &GetUserArgs) -> Result<GroupsReply> {
        let reply = self.bench.get_user_groups(context::current(), args.clone());
        Ok(reply.await??)
    }

    async fn find_user(&self, args: &FindArgs) -> Result<FindReply> {
        let reply = self.bench.find_user(context::current(), args.clone());
        Ok(reply.await?)
    }
}

#[derive(Clone)]
struct Served(PluginState);

impl Bench for Served {
    async fn echo(self, _: Context, text: String) -> String {
        text
    }

    async fn echo_user(self, _: Context, user: User) -> User {
        user
    }

    async fn wait(self, _: Context, number: u64) -> u64 {
        self.0.wait(number).await
    }

    async fn waiting(self, _: Context) -> u64 {
        self.0.waiting()
    }

    async fn release(self, _: Context) {
        self.0.release();
    }

    async fn hang(self, _: Context) {
        self.0.hang().await;
    }

    async fn began(self, _: Context) {
        self.0.began().await;
    }

    async fn dropped(self, _: Context) -> u64 {
        self.0.dropped().await
    }

    async fn on_load(
        self,
        _: Context,
        args: OnLoadArgs,
    ) -> std::result::Result<OnLoadReply, String> {
        self.0.on_load(args)
    }

    async fn get_user(
        self,
        _: Context,
        args: GetUserArgs,
    ) -> std::result::Result<UserReply, String> {
        self.0.get_user(args)
    }

    async fn get_user_by_claim(
        self,
        _: Context,
        args: ClaimArgs,
    ) -> std::result::Result<UserReply, String> {
        self.0.get_user_by_claim(args)
    }

    async fn get_user_groups(
        self,
        _: Context,
        args: GetUserArgs,
    ) -> std::result::Result<GroupsReply, String> {
        self.0.get_user_groups(args)
    }

    async fn find_user(self, _: Context, args: FindArgs) -> FindReply {
        self.0.find_user(args)
    }
}

/// Serves connections of either codec, whose types differ.
macro_rules! serve {
    ($connections:expr) => {{
        let (mut connections, state) = ($connections, PluginState::default());
        while let Some(transport) = connections.next().await {
            let channel = BaseChannel::with_defaults(transport?);
            let served = Served(state.clone());
            tokio::spawn(
                channel
                    .execute(served.serve())
                    .for_each(|reply| async move {
                        tokio::spawn(reply);
                    }),
            );
        }
    }};
}

pub async fn plugin() -> Result<()> {
    let socket = socket_path()?;
    match codec() {
        Some(_) => {
            let connections = unix::listen(&socket, MessagePack::default).await?;
            println!("{}", socket.display());
            serve!(connections)
        }
        None => {
            let connections = unix::listen(&socket, Bincode::default).await?;
            println!("{}", socket.display());
            serve!(connections)
        }
    }
    Ok(())
}
