//! plugwire, to a plugin in Rust or in Go.

use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt;
use plugwire::broker::{BrokerConfig, MuxBroker};
use plugwire::codec::Codec;
use plugwire::connection::{ConnectionConfig, PluginSet};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::interface::Remote;
use plugwire::mux;
use plugwire::plugin::{ServeConfig, serve};
use plugwire::rpc::{self, Service};
use plugwire::{Stream, StreamSender};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;

use crate::pattern::Pattern;
use crate::peer::{Error, Peer, Result, Setup, TEXT, same};
use crate::ping_pong;
use crate::plugin_state::PluginState;
use crate::process::{codec, monotonic};
use crate::rows::Measured;
use crate::types::*;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "VERSUS_PLUGIN", "versus");

/// Sets `mux::Config::busy_poll`, in microseconds, of a host and of the plugin that it starts.
const BUSY_POLL: &str = "VERSUS_BUSY_POLL_US";

/// The defaults, unless the environment sets one of them.
fn connection() -> Result<ConnectionConfig> {
    let mut connection = ConnectionConfig::default();
    if codec().as_deref() == Some("msgpack") {
        connection = connection.broker(BrokerConfig::default().codec(Codec::MsgPack));
    }
    match std::env::var(BUSY_POLL) {
        Ok(micros) => {
            let limit =
                Some(Duration::from_micros(micros.parse()?)).filter(|limit| !limit.is_zero());
            Ok(connection.mux(mux::Config::default().busy_poll(limit)))
        }
        Err(_) => Ok(connection),
    }
}

/// The part of the service that the rows of the typed client and of items call.
#[plugwire::interface]
trait Bench {
    async fn echo(&self, text: String) -> plugwire::Result<String>;
    async fn items(&self, items: Stream<u64>) -> plugwire::Result<u64>;
    async fn texts(&self, texts: Stream<String>) -> plugwire::Result<u64>;
}

#[plugwire::interface]
trait Log {
    async fn log(&self, line: String) -> plugwire::Result<String>;
}

struct Lines;

#[plugwire::interface]
impl Log for Lines {
    async fn log(&self, line: String) -> plugwire::Result<String> {
        Ok(line)
    }
}

#[derive(Serialize, Deserialize)]
struct Logs {
    #[serde(with = "plugwire::brokered")]
    log: Arc<dyn Log>,
}

/// What a trait can say and a call by hand cannot.
#[plugwire::interface]
trait Calls {
    async fn log(&self, log: Arc<dyn Log>) -> plugwire::Result<String>;
    async fn log_nested(&self, logs: Logs) -> plugwire::Result<String>;
    async fn hang(&self) -> plugwire::Result<()>;
    async fn began(&self) -> plugwire::Result<()>;
    async fn dropped(&self) -> plugwire::Result<u64>;
    async fn find_user(&self, args: FindArgs) -> plugwire::Result<FindReply>;
}

#[plugwire::interface]
impl Calls for PluginState {
    async fn log(&self, log: Arc<dyn Log>) -> plugwire::Result<String> {
        log.log(TEXT.to_owned()).await
    }

    async fn log_nested(&self, logs: Logs) -> plugwire::Result<String> {
        logs.log.log(TEXT.to_owned()).await
    }

    async fn hang(&self) -> plugwire::Result<()> {
        PluginState::hang(self).await;
        Ok(())
    }

    async fn began(&self) -> plugwire::Result<()> {
        PluginState::began(self).await;
        Ok(())
    }

    async fn dropped(&self) -> plugwire::Result<u64> {
        Ok(PluginState::dropped(self).await)
    }

    async fn find_user(&self, args: FindArgs) -> plugwire::Result<FindReply> {
        Ok(PluginState::find_user(self, args))
    }
}

#[derive(Clone)]
pub struct Host {
    calls: Arc<OnceCell<Remote<dyn Calls>>>,
    client: Arc<Client>,
    bench: rpc::Client,
    typed: Arc<OnceCell<Remote<dyn Bench>>>,
    /// The connection of `typed`.
    by_hand: Arc<OnceLock<rpc::Client>>,
}

impl Host {
    async fn calls(&self) -> Result<&Remote<dyn Calls>> {
        let dispense = || self.client.dispense::<dyn Calls>("calls");
        Ok(self.calls.get_or_try_init(dispense).await?)
    }

    async fn typed(&self) -> Result<&Remote<dyn Bench>> {
        let dispense = || self.client.dispense::<dyn Bench>("bench");
        Ok(self.typed.get_or_try_init(dispense).await?)
    }
}

impl Peer for Host {
    async fn launch(setup: &Setup) -> Result<Self> {
        let mut command = Command::new(&setup.plugin);
        command.args(&setup.args);
        let mut config = ClientConfig::new(HANDSHAKE, command).connection(connection()?);
        if codec().as_deref() == Some("rich") {
            config = config.codec(Codec::Rich);
        }
        let client = Client::launch(config).await?;
        let bench = client.dispense_client("bench").await?;
        Ok(Self {
            client: Arc::new(client),
            bench,
            typed: Arc::default(),
            calls: Arc::default(),
            by_hand: Arc::default(),
        })
    }

    async fn kill(self) {
        self.client.kill().await;
    }

    fn plugin_pid(&self) -> u32 {
        self.client.pid().unwrap()
    }

    async fn echo(&self, text: &str) -> Result<()> {
        let reply: String = self.bench.call("Plugin.Echo", text).await?;
        same(&reply, text)
    }

    async fn echo_typed(&self, text: &str) -> Result<()> {
        let typed = self.typed().await?;
        same(&typed.echo(text.to_owned()).await?, text)
    }

    async fn echo_by_hand(&self, text: &str) -> Result<()> {
        let typed = self.typed().await?;
        let client = self.by_hand.get_or_init(|| Remote::rpc_client(typed));
        let reply: String = client.call("Plugin.Echo", &text.to_owned()).await?;
        same(&reply, text)
    }

    async fn echo_user(&self, user: &User) -> Result<User> {
        Ok(self.bench.call("Plugin.EchoUser", user).await?)
    }

    async fn dispense(&self) -> Result<()> {
        self.client.dispense_client("bench").await?.close();
        Ok(())
    }

    async fn callback(&self) -> Result<()> {
        let broker = self.client.broker();
        let id = broker.next_id();
        let log = Service::new().method("Log", |line: String| async move { Ok::<_, String>(line) });
        let accepting = broker.clone();
        tokio::spawn(async move { accepting.accept_and_serve(id, log).await });
        let reply: String = self.bench.call("Plugin.Callback", &id).await?;
        same(&reply, TEXT)
    }

    async fn callback_typed(&self, nested: bool) -> Result<()> {
        let calls = self.calls().await?;
        let log: Arc<dyn Log> = Arc::new(Lines);
        let reply = match nested {
            true => calls.log_nested(Logs { log }).await?,
            false => calls.log(log).await?,
        };
        same(&reply, TEXT)
    }

    async fn cancel(&self) -> Result<u64> {
        let calls = self.calls().await?;
        // The first poll writes the call.
        let mut hanging = calls.hang();
        if (&mut hanging).now_or_never().is_some() {
            return Err("a call that hangs has ended".into());
        }
        calls.began().await?;
        let start = monotonic();
        drop(hanging);
        Ok(calls.dropped().await?.saturating_sub(start))
    }

    fn check(&self) -> Result<()> {
        Ok(<dyn Calls>::check()?)
    }

    async fn reader(&self, bytes: u64) -> Result<Digest> {
        let broker = self.client.broker();
        let id = broker.next_id();
        let send = async { Ok(Pattern::write_to(bytes, broker.accept(id).await?).await?) };
        let call = async { Ok::<_, Error>(self.bench.call("Plugin.Read", &id).await?) };
        let (_, read) = tokio::try_join!(send, call)?;
        Ok(read)
    }

    async fn writer(&self, bytes: u64) -> Result<Digest> {
        let broker = self.client.broker();
        let args = WriteArgs {
            id: broker.next_id(),
            bytes,
        };
        let receive = async { Ok(Digest::of(broker.accept(args.id).await?).await?) };
        let call = async { Ok::<Digest, Error>(self.bench.call("Plugin.Write", &args).await?) };
        let (read, _) = tokio::try_join!(receive, call)?;
        Ok(read)
    }

    async fn items(&self, count: u64) -> Result<u64> {
        let (sender, items) = Stream::channel();
        let call = async { Ok(self.typed().await?.items(items).await?) };
        let send = send_all(sender, 0..count);
        let (sum, ()) = tokio::try_join!(call, send)?;
        Ok(sum)
    }

    async fn texts(&self, count: u64) -> Result<u64> {
        let (sender, texts) = Stream::channel();
        let call = async { Ok(self.typed().await?.texts(texts).await?) };
        let send = send_all(sender, (0..count).map(|_| TEXT.to_owned()));
        let (bytes, ()) = tokio::try_join!(call, send)?;
        Ok(bytes)
    }

    async fn chunks(&self, count: u64) -> Result<u64> {
        let broker = self.client.broker();
        let id = broker.next_id();
        let send = async {
            let mut stream = broker.accept(id).await?;
            // From a task of its own, as items are.
            let sent = tokio::spawn(async move {
                for _ in 0..count {
                    stream.write_all(TEXT.as_bytes()).await?;
                }
                stream.shutdown().await
            });
            Ok(sent.await??)
        };
        let call = async { Ok::<u64, Error>(self.bench.call("Plugin.Chunks", &id).await?) };
        let ((), bytes) = tokio::try_join!(send, call)?;
        Ok(bytes)
    }
    async fn ping_pong(&self, limit: Duration) -> Result<Measured> {
        let broker = self.client.broker();
        let id = broker.next_id();
        let exchange = async { ping_pong::measure(broker.accept(id).await?, limit).await };
        let call = async { Ok::<u64, Error>(self.bench.call("Plugin.PingPong", &id).await?) };
        let (measured, _) = tokio::try_join!(exchange, call)?;
        Ok(measured)
    }

    async fn hold_stream(&self) -> Result<Box<dyn Send>> {
        let broker = self.client.broker();
        let id = broker.next_id();
        let accept = async { Ok(broker.accept(id).await?) };
        let call = async { Ok::<u32, Error>(self.bench.call("Plugin.Hold", &id).await?) };
        let (stream, _) = tokio::try_join!(accept, call)?;
        Ok(Box::new(stream))
    }

    async fn wait(&self, number: u64) -> Result<u64> {
        Ok(self.bench.call("Plugin.Wait", &number).await?)
    }

    async fn waiting(&self) -> Result<u64> {
        Ok(self.bench.call("Plugin.Waiting", &0_u64).await?)
    }

    async fn release(&self) -> Result<()> {
        let _: u64 = self.bench.call("Plugin.Release", &0_u64).await?;
        Ok(())
    }

    async fn settle(&self) -> Result<()> {
        let _: u64 = self.bench.call("Plugin.Settle", &0_u64).await?;
        Ok(())
    }

    async fn on_load(&self, args: &OnLoadArgs) -> Result<OnLoadReply> {
        Ok(self.bench.call("Plugin.OnLoad", args).await?)
    }

    async fn get_user(&self, args: &GetUserArgs) -> Result<UserReply> {
        Ok(self.bench.call("Plugin.GetUser", args).await?)
    }

    async fn get_user_by_claim(&self, args: &ClaimArgs) -> Result<UserReply> {
        Ok(self.bench.call("Plugin.GetUserByClaim", args).await?)
    }

    async fn get_user_groups(&self, args: &GetUserArgs) -> Result<GroupsReply> {
        Ok(self.bench.call("Plugin.GetUserGroups", args).await?)
    }

    async fn find_user(&self, args: &FindArgs) -> Result<FindReply> {
        Ok(self.bench.call("Plugin.FindUser", args).await?)
    }
}

/// Sends from a task of its own, as the other contenders do.
async fn send_all<T>(
    sender: StreamSender<T>,
    items: impl Iterator<Item = T> + Send + 'static,
) -> Result<()>
where
    T: Send + 'static,
{
    tokio::spawn(async move {
        for item in items {
            sender.send(item).await?;
        }
        Ok(())
    })
    .await?
}

pub async fn plugin() -> Result<()> {
    let state = PluginState::default();
    let calls = state.clone();
    let plugins = PluginSet::new()
        .register::<dyn Calls>("calls", move || Ok(Arc::new(calls.clone())))
        .register_service("bench", move |broker| Ok(service(&state, broker)));
    serve(ServeConfig::new(HANDSHAKE, plugins).connection(connection()?)).await;
    Ok(())
}

/// A method that answers at once.
macro_rules! method {
    ($state:expr, $method:ident) => {{
        let state = $state.clone();
        move |args| {
            let reply = state.$method(args);
            async move { reply }
        }
    }};
}

/// A method that uses the broker.
fn brokered<A, R>(
    broker: &MuxBroker,
    method: fn(MuxBroker, A) -> R,
) -> impl Fn(A) -> R + Send + Sync + 'static
where
    A: 'static,
    R: 'static,
{
    let broker = broker.clone();
    move |args| method(broker.clone(), args)
}

fn service(state: &PluginState, broker: MuxBroker) -> Service {
    let (waits, asked, releases) = (state.clone(), state.clone(), state.clone());
    let (finds, holds, dials) = (state.clone(), state.clone(), broker.clone());
    Service::new()
        .method("Echo", |text: String| async move { Ok::<_, Error>(text) })
        .method("EchoUser", |user: User| async move { Ok::<_, Error>(user) })
        .method("Callback", brokered(&broker, callback))
        .method("Read", brokered(&broker, read))
        .method("Write", brokered(&broker, write))
        .method("PingPong", brokered(&broker, pong))
        .method("Items", brokered(&broker, items))
        .method("Texts", brokered(&broker, texts))
        .method("Chunks", brokered(&broker, chunks))
        .method("Hold", move |id: u32| {
            let (state, broker) = (holds.clone(), dials.clone());
            async move {
                state.hold(broker.dial(id).await?);
                Ok::<_, Error>(id)
            }
        })
        .method("Wait", move |number: u64| {
            let state = waits.clone();
            async move { Ok::<_, Error>(state.wait(number).await) }
        })
        .method("Waiting", move |_: u64| {
            let waiting = asked.waiting();
            async move { Ok::<_, Error>(waiting) }
        })
        .method("Release", move |_: u64| {
            releases.release();
            async { Ok::<_, Error>(0_u64) }
        })
        .method("Settle", |_: u64| async { Ok::<_, Error>(0_u64) })
        .method("OnLoad", method!(state, on_load))
        .method("GetUser", method!(state, get_user))
        .method("GetUserByClaim", method!(state, get_user_by_claim))
        .method("GetUserGroups", method!(state, get_user_groups))
        .method("FindUser", move |args: FindArgs| {
            let reply = finds.found_users(args);
            async move { Ok::<_, Error>(reply) }
        })
}

async fn callback(broker: MuxBroker, id: u32) -> Result<String> {
    let log = broker.dial_client(id).await?;
    Ok(log.call("Plugin.Log", TEXT).await?)
}

async fn read(broker: MuxBroker, id: u32) -> Result<Digest> {
    Ok(Digest::of(broker.dial(id).await?).await?)
}

async fn items(broker: MuxBroker, id: u32) -> Result<u64> {
    let mut items: Stream<u64> = plugwire::interface::dial(&broker, id).await?;
    let mut sum = 0;
    while let Some(item) = items.next().await {
        sum += item?;
    }
    Ok(sum)
}

async fn texts(broker: MuxBroker, id: u32) -> Result<u64> {
    let mut texts: Stream<String> = plugwire::interface::dial(&broker, id).await?;
    let mut bytes = 0;
    while let Some(text) = texts.next().await {
        bytes += text?.len() as u64;
    }
    Ok(bytes)
}

async fn chunks(broker: MuxBroker, id: u32) -> Result<u64> {
    let mut stream = broker.dial(id).await?;
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(bytes),
            n => bytes += n as u64,
        }
    }
}

async fn pong(broker: MuxBroker, id: u32) -> Result<u64> {
    Ok(ping_pong::echo(broker.dial(id).await?).await?)
}

async fn write(broker: MuxBroker, args: WriteArgs) -> Result<Digest> {
    Ok(Pattern::write_to(args.bytes, broker.dial(args.id).await?).await?)
}
