//! The `goplugin` crate: the same protocol by another hand.

use std::sync::Arc;
use std::time::Duration;

use go_netrpc::{Client as Calls, Server};
use goplugin::{Client, ClientConfig, HandshakeConfig, MuxBroker, PluginCommand, ServeConfig};

use crate::pattern::Pattern;
use crate::peer::{Error, Peer, Result, Setup, TEXT, same};
use crate::ping_pong;
use crate::plugin_state::PluginState;
use crate::rows::Measured;
use crate::types::*;

type Served<T> = std::result::Result<T, go_netrpc::ServiceError>;

fn handshake() -> HandshakeConfig {
    HandshakeConfig {
        protocol_version: 1,
        magic_cookie_key: "VERSUS_PLUGIN".into(),
        magic_cookie_value: "versus".into(),
    }
}

#[derive(Clone)]
pub struct Host {
    client: Arc<Client>,
    bench: Calls,
    broker: MuxBroker,
}

impl Peer for Host {
    async fn launch(setup: &Setup) -> Result<Self> {
        let mut command = PluginCommand::new(&setup.plugin);
        for arg in &setup.args {
            command = command.arg(arg);
        }
        let mut config = ClientConfig::new(handshake());
        config.cmd = Some(command);
        let client = Client::start(config).await?;
        let bench = client.dispense("bench").await?;
        Ok(Self {
            client: Arc::new(client),
            bench: bench.client,
            broker: bench.broker,
        })
    }

    async fn kill(self) {
        self.client.kill().await;
    }

    fn plugin_pid(&self) -> u32 {
        self.client.reattach_config().pid
    }

    async fn echo(&self, text: &str) -> Result<()> {
        let reply: String = self.bench.call("Plugin.Echo", text).await?;
        same(&reply, text)
    }

    async fn echo_user(&self, user: &User) -> Result<User> {
        Ok(self.bench.call("Plugin.EchoUser", user).await?)
    }

    async fn dispense(&self) -> Result<()> {
        Ok(self.client.dispense("bench").await?.client.close().await?)
    }

    async fn callback(&self) -> Result<()> {
        let id = self.broker.next_id();
        let mut log = Server::new();
        log.register("Plugin.Log", |line: String| async move { Served::Ok(line) });
        let broker = self.broker.clone();
        tokio::spawn(async move { broker.accept_and_serve(id, Arc::new(log)).await });
        let reply: String = self.bench.call("Plugin.Callback", &id).await?;
        same(&reply, TEXT)
    }

    async fn reader(&self, bytes: u64) -> Result<Digest> {
        let id = self.broker.next_id();
        let send = async { Ok(Pattern::write_to(bytes, self.broker.accept(id).await?).await?) };
        let call = async { Ok::<_, Error>(self.bench.call("Plugin.Read", &id).await?) };
        let (_, read) = tokio::try_join!(send, call)?;
        Ok(read)
    }

    async fn writer(&self, bytes: u64) -> Result<Digest> {
        let args = WriteArgs {
            id: self.broker.next_id(),
            bytes,
        };
        let receive = async { Ok(Digest::of(self.broker.accept(args.id).await?).await?) };
        let call = async { Ok::<Digest, Error>(self.bench.call("Plugin.Write", &args).await?) };
        let (read, _) = tokio::try_join!(receive, call)?;
        Ok(read)
    }

    async fn ping_pong(&self, limit: Duration) -> Result<Measured> {
        let id = self.broker.next_id();
        let exchange = async { ping_pong::measure(self.broker.accept(id).await?, limit).await };
        let call = async { Ok::<u64, Error>(self.bench.call("Plugin.PingPong", &id).await?) };
        let (measured, _) = tokio::try_join!(exchange, call)?;
        Ok(measured)
    }

    async fn hold_stream(&self) -> Result<Box<dyn Send>> {
        let id = self.broker.next_id();
        let accept = async { Ok(self.broker.accept(id).await?) };
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

pub async fn plugin() -> Result<()> {
    let state = PluginState::default();
    let config = ServeConfig::new(handshake());
    let config = config.plugin("bench", move |broker: MuxBroker| {
        Ok(server(state.clone(), broker))
    });
    Ok(goplugin::serve(config).await?)
}

fn server(state: PluginState, broker: MuxBroker) -> Server {
    let mut server = Server::new();
    server.register(
        "Plugin.Echo",
        |text: String| async move { Served::Ok(text) },
    );
    server.register(
        "Plugin.EchoUser",
        |user: User| async move { Served::Ok(user) },
    );
    let b = broker.clone();
    server.register("Plugin.Callback", move |id: u32| {
        let broker = b.clone();
        async move {
            let log = Calls::new(broker.dial(id).await?);
            let reply: String = log.call("Plugin.Log", TEXT).await?;
            log.close().await?;
            Served::Ok(reply)
        }
    });
    let b = broker.clone();
    server.register("Plugin.Read", move |id: u32| {
        let broker = b.clone();
        async move { Served::Ok(Digest::of(broker.dial(id).await?).await?) }
    });
    let b = broker.clone();
    server.register("Plugin.PingPong", move |id: u32| {
        let broker = b.clone();
        async move { Served::Ok(ping_pong::echo(broker.dial(id).await?).await?) }
    });
    let b = broker.clone();
    server.register("Plugin.Write", move |args: WriteArgs| {
        let broker = b.clone();
        async move {
            let stream = broker.dial(args.id).await?;
            Served::Ok(Pattern::write_to(args.bytes, stream).await?)
        }
    });
    let s = state.clone();
    server.register("Plugin.Hold", move |id: u32| {
        let (state, broker) = (s.clone(), broker.clone());
        async move {
            state.hold(broker.dial(id).await?);
            Served::Ok(id)
        }
    });
    let s = state.clone();
    server.register("Plugin.Wait", move |number: u64| {
        let state = s.clone();
        async move { Served::Ok(state.wait(number).await) }
    });
    let s = state.clone();
    server.register("Plugin.Waiting", move |_: u64| {
        let waiting = s.waiting();
        async move { Served::Ok(waiting) }
    });
    let s = state.clone();
    server.register("Plugin.Release", move |_: u64| {
        s.release();
        async { Served::Ok(0_u64) }
    });
    register_users(&mut server, &state);
    server
}

fn register_users(server: &mut Server, state: &PluginState) {
    macro_rules! register {
        ($name:literal, $method:ident) => {
            let state = state.clone();
            server.register($name, move |args| {
                let reply = state.$method(args);
                async move { Ok(reply?) }
            });
        };
    }
    register!("Plugin.OnLoad", on_load);
    register!("Plugin.GetUser", get_user);
    register!("Plugin.GetUserByClaim", get_user_by_claim);
    register!("Plugin.GetUserGroups", get_user_groups);
    let state = state.clone();
    server.register("Plugin.FindUser", move |args: FindArgs| {
        let reply = state.find_user(args);
        async move { Served::Ok(reply) }
    });
}
