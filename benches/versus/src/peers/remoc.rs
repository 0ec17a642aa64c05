//! remoc over a unix socket: calls through a remote trait, callbacks by handing over a client of
//! another one, streams by handing over the end of a binary channel.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use remoc::prelude::*;
use remoc::rch::{bin, mpsc};
use remoc::rtc::CallError;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;

use crate::pattern::Pattern;
use crate::peer::{Error, Peer, Result, Setup, TEXT, same};
use crate::ping_pong;
use crate::plugin_state::PluginState;
use crate::process::{OwnPlugin, socket_path};
use crate::rows::{Measured, repeat};
use crate::types::*;

type Called<T> = std::result::Result<T, Failed>;

/// A call or what it did failed.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Failed(String);

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Failed(error.to_string())
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.0.into()
    }
}

fn failed(error: impl std::fmt::Display) -> Failed {
    Failed(error.to_string())
}

#[rtc::remote(server(Shared))]
pub trait Log {
    async fn log(&self, line: String) -> Called<String>;
}

#[rtc::remote(server(Shared))]
pub trait Bench {
    async fn echo(&self, text: String) -> Called<String>;
    async fn echo_user(&self, user: User) -> Called<User>;
    async fn callback(&self, log: LogClient) -> Called<String>;
    async fn read(&self, from: bin::Receiver) -> Called<Digest>;
    async fn write(&self, to: bin::Sender, bytes: u64) -> Called<Digest>;
    async fn ping_pong(&self, from: bin::Receiver, to: bin::Sender) -> Called<u64>;
    async fn items(&self, items: mpsc::Receiver<u64>) -> Called<u64>;
    async fn texts(&self, texts: mpsc::Receiver<String>) -> Called<u64>;
    async fn hold(&self, stream: bin::Receiver) -> Called<()>;
    async fn wait(&self, number: u64) -> Called<u64>;
    async fn waiting(&self) -> Called<u64>;
    async fn release(&self) -> Called<()>;
    async fn on_load(&self, args: OnLoadArgs) -> Called<OnLoadReply>;
    async fn get_user(&self, args: GetUserArgs) -> Called<UserReply>;
    async fn get_user_by_claim(&self, args: ClaimArgs) -> Called<UserReply>;
    async fn get_user_groups(&self, args: GetUserArgs) -> Called<GroupsReply>;
    async fn find_user(&self, args: FindArgs) -> Called<FindReply>;
}

/// remoc's defaults, but for the number of channels, which would end the rows of 10,000.
fn config() -> remoc::Cfg {
    remoc::Cfg {
        max_ports: 1 << 16,
        ..remoc::Cfg::default()
    }
}

#[derive(Clone)]
pub struct Host {
    plugin: Arc<Mutex<Option<OwnPlugin>>>,
    pid: u32,
    bench: BenchClient,
}

async fn write_to(bytes: u64, to: bin::Sender) -> Called<Digest> {
    let mut to = to.into_inner().await.map_err(failed)?;
    let mut pattern = Pattern::new(bytes);
    let mut digest = Digest::default();
    loop {
        match pattern.next_block() {
            [] => return Ok(digest),
            block => {
                digest.update(block);
                to.send(Bytes::copy_from_slice(block))
                    .await
                    .map_err(failed)?;
            }
        }
    }
}

async fn digest_of(from: bin::Receiver) -> Called<Digest> {
    let mut from = from.into_inner().await.map_err(failed)?;
    let mut digest = Digest::default();
    while let Some(mut data) = from.recv().await.map_err(failed)? {
        while data.has_remaining() {
            let chunk = data.chunk();
            let len = chunk.len();
            digest.update(chunk);
            data.advance(len);
        }
    }
    Ok(digest)
}

/// How many items a channel holds here: as many as plugwire's.
const ITEMS: usize = 64;

/// Sends from a task of its own, as the other contenders do.
async fn send_all<T>(
    sender: mpsc::Sender<T>,
    items: impl Iterator<Item = T> + Send + 'static,
) -> Called<()>
where
    T: remoc::RemoteSend,
{
    let sending = tokio::spawn(async move {
        for item in items {
            sender.send(item).await.map_err(failed)?;
        }
        Ok(())
    });
    sending.await.map_err(failed)?
}

/// Two channels are what a stream in both directions is to remoc.
async fn exchange(to: bin::Sender, from: bin::Receiver, limit: Duration) -> Called<Measured> {
    let mut to = to.into_inner().await.map_err(failed)?;
    let mut from = from.into_inner().await.map_err(failed)?;
    repeat!(limit, {
        to.send(Bytes::from_static(TEXT.as_bytes()))
            .await
            .map_err(failed)?;
        let reply = from.recv().await.map_err(failed)?;
        let reply = reply.ok_or_else(|| failed("the channel ended"))?;
        ping_pong::check(&Bytes::from(reply)).map_err(failed)?;
    })
}

impl Peer for Host {
    async fn launch(setup: &Setup) -> Result<Self> {
        let plugin = OwnPlugin::launch(setup).await?;
        let (read, write) = UnixStream::connect(&plugin.socket).await?.into_split();
        let bench: BenchClient = remoc::Connect::io(config(), read, write).consume().await?;
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
        same(&self.bench.echo(text.to_owned()).await?, text)
    }

    async fn echo_user(&self, user: &User) -> Result<User> {
        Ok(self.bench.echo_user(user.clone()).await?)
    }

    async fn callback(&self) -> Result<()> {
        let (server, log) = LogServerShared::<_, remoc::codec::Default>::new(Arc::new(Lines));
        tokio::spawn(server.serve());
        same(&self.bench.callback(log).await?, TEXT)
    }

    async fn reader(&self, bytes: u64) -> Result<Digest> {
        let (sender, receiver) = bin::channel();
        let (_, read) = tokio::try_join!(write_to(bytes, sender), self.bench.read(receiver))?;
        Ok(read)
    }

    async fn writer(&self, bytes: u64) -> Result<Digest> {
        let (sender, receiver) = bin::channel();
        let (read, _) = tokio::try_join!(digest_of(receiver), self.bench.write(sender, bytes))?;
        Ok(read)
    }

    async fn items(&self, count: u64) -> Result<u64> {
        let (sender, items) = mpsc::with_local_buffer(ITEMS);
        let (sum, ()) = tokio::try_join!(self.bench.items(items), send_all(sender, 0..count))?;
        Ok(sum)
    }

    async fn texts(&self, count: u64) -> Result<u64> {
        let (sender, texts) = mpsc::with_local_buffer(ITEMS);
        let send = send_all(sender, (0..count).map(|_| TEXT.to_owned()));
        let (bytes, ()) = tokio::try_join!(self.bench.texts(texts), send)?;
        Ok(bytes)
    }

    async fn ping_pong(&self, limit: Duration) -> Result<Measured> {
        let (to, plugin_from) = bin::channel();
        let (plugin_to, from) = bin::channel();
        let (measured, _) = tokio::try_join!(
            exchange(to, from, limit),
            self.bench.ping_pong(plugin_from, plugin_to)
        )?;
        Ok(measured)
    }

    async fn hold_stream(&self) -> Result<Box<dyn Send>> {
        let (sender, receiver) = bin::channel();
        let connect = async { sender.into_inner().await.map_err(failed) };
        let (sender, ()) = tokio::try_join!(connect, self.bench.hold(receiver))?;
        Ok(Box::new(sender))
    }

    async fn wait(&self, number: u64) -> Result<u64> {
        Ok(self.bench.wait(number).await?)
    }

    async fn waiting(&self) -> Result<u64> {
        Ok(self.bench.waiting().await?)
    }

    async fn release(&self) -> Result<()> {
        Ok(self.bench.release().await?)
    }

    async fn on_load(&self, args: &OnLoadArgs) -> Result<OnLoadReply> {
        Ok(self.bench.on_load(args.clone()).await?)
    }

    async fn get_user(&self, args: &GetUserArgs) -> Result<UserReply> {
        Ok(self.bench.get_user(args.clone()).await?)
    }

    async fn get_user_by_claim(&self, args: &ClaimArgs) -> Result<UserReply> {
        Ok(self.bench.get_user_by_claim(args.clone()).await?)
    }

    async fn get_user_groups(&self, args: &GetUserArgs) -> Result<GroupsReply> {
        Ok(self.bench.get_user_groups(args.clone()).await?)
    }

    async fn find_user(&self, args: &FindArgs) -> Result<FindReply> {
        Ok(self.bench.find_user(args.clone()).await?)
    }
}

struct Lines;

impl Log for Lines {
    async fn log(&self, line: String) -> Called<String> {
        Ok(line)
    }
}

struct Served(PluginState);

impl Bench for Served {
    async fn echo(&self, text: String) -> Called<String> {
        Ok(text)
    }

    async fn echo_user(&self, user: User) -> Called<User> {
        Ok(user)
    }

    async fn callback(&self, log: LogClient) -> Called<String> {
        log.log(TEXT.to_owned()).await
    }

    async fn read(&self, from: bin::Receiver) -> Called<Digest> {
        digest_of(from).await
    }

    async fn write(&self, to: bin::Sender, bytes: u64) -> Called<Digest> {
        write_to(bytes, to).await
    }

    async fn ping_pong(&self, from: bin::Receiver, to: bin::Sender) -> Called<u64> {
        let mut from = from.into_inner().await.map_err(failed)?;
        let mut to = to.into_inner().await.map_err(failed)?;
        let mut bytes = 0;
        while let Some(message) = from.recv().await.map_err(failed)? {
            bytes += message.remaining() as u64;
            to.send(message.into()).await.map_err(failed)?;
        }
        Ok(bytes)
    }

    async fn items(&self, mut items: mpsc::Receiver<u64>) -> Called<u64> {
        let mut sum = 0;
        while let Some(item) = items.recv().await.map_err(failed)? {
            sum += item;
        }
        Ok(sum)
    }

    async fn texts(&self, mut texts: mpsc::Receiver<String>) -> Called<u64> {
        let mut bytes = 0;
        while let Some(text) = texts.recv().await.map_err(failed)? {
            bytes += text.len() as u64;
        }
        Ok(bytes)
    }

    async fn hold(&self, stream: bin::Receiver) -> Called<()> {
        self.0.hold(stream.into_inner().await.map_err(failed)?);
        Ok(())
    }

    async fn wait(&self, number: u64) -> Called<u64> {
        Ok(self.0.wait(number).await)
    }

    async fn waiting(&self) -> Called<u64> {
        Ok(self.0.waiting())
    }

    async fn release(&self) -> Called<()> {
        self.0.release();
        Ok(())
    }

    async fn on_load(&self, args: OnLoadArgs) -> Called<OnLoadReply> {
        self.0.on_load(args).map_err(Failed)
    }

    async fn get_user(&self, args: GetUserArgs) -> Called<UserReply> {
        self.0.get_user(args).map_err(Failed)
    }

    async fn get_user_by_claim(&self, args: ClaimArgs) -> Called<UserReply> {
        self.0.get_user_by_claim(args).map_err(Failed)
    }

    async fn get_user_groups(&self, args: GetUserArgs) -> Called<GroupsReply> {
        self.0.get_user_groups(args).map_err(Failed)
    }

    async fn find_user(&self, args: FindArgs) -> Called<FindReply> {
        Ok(self.0.find_user(args))
    }
}

pub async fn plugin() -> Result<()> {
    let socket = socket_path()?;
    let listener = UnixListener::bind(&socket)?;
    println!("{}", socket.display());
    let served = Arc::new(Served(PluginState::default()));
    loop {
        let (read, write) = listener.accept().await?.0.into_split();
        let (mut server, client) =
            BenchServerShared::<_, remoc::codec::Default>::new(served.clone());
        // The default is 32 calls at once, too few for the idle rows.
        server.set_parallelism(1 << 16);
        tokio::spawn(server.serve());
        remoc::Connect::io(config(), read, write)
            .provide(client)
            .await?;
    }
}
