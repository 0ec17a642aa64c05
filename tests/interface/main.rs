//! Interfaces as traits, between two brokers over a connection in memory.

extern crate plugwire as renamed;

mod calls;
mod cancelled;
mod check;
mod counter;
mod cut_off;
mod deadlines;
mod defaults;
mod forged_errors;
mod forms;
mod item_bytes;
mod item_errors;
mod items;
mod lifetimes;
mod nested;
mod nested_errors;
mod nested_leaks;
mod own_error;
mod plain;
mod pulled;
mod streams;
mod syntax;
mod typed_errors;
mod untaken;

use std::sync::Arc;

use plugwire::Remote;
use plugwire::broker::{BrokerConfig, MuxBroker};
use plugwire::handshake::Extensions;
use plugwire::interface::Interface;
use plugwire::mux::{self, Session};
use plugwire::rpc::{CallConfig, Client, Codec, Server, Service};
use support::within;

#[global_allocator]
static ALLOCATOR: support::alloc::Counting = support::alloc::Counting;

/// The two ends of a connection.
struct Pair {
    host: MuxBroker,
    plugin: MuxBroker,
}

impl Pair {
    fn new() -> Pair {
        Pair::speaking(Codec::Gob)
    }

    fn speaking(codec: Codec) -> Pair {
        Pair::with(codec, 64 * 1024)
    }

    /// A pair with no more room between the two than this.
    fn with(codec: impl Into<CallConfig>, room: usize) -> Pair {
        Pair::of(room, BrokerConfig::default().codec(codec), Extensions::NONE)
    }

    /// A pair that agreed on all that this crate knows beyond Go's protocol.
    fn agreed(config: impl Into<CallConfig>) -> Pair {
        let broker = BrokerConfig::default().codec(config);
        Pair::of(64 * 1024, broker, Extensions::supported())
    }

    fn of(room: usize, broker: BrokerConfig, extensions: Extensions) -> Pair {
        let (here, there) = tokio::io::duplex(room);
        // Virtual time passes without the crate's pings.
        let config = mux::Config::default().keep_alive(None);
        let (host, plugin) = (
            Session::client(here, config.clone()),
            Session::server(there, config),
        );
        Pair {
            host: MuxBroker::new_as(host, broker.clone(), extensions),
            plugin: MuxBroker::new_as(plugin, broker, extensions),
        }
    }

    /// Serves the object at the plugin's end, and connects to it from the host's.
    async fn connect<I: Interface + ?Sized>(&self, object: Arc<I>) -> Remote<I> {
        let id = plugwire::interface::lend(&self.plugin, object);
        let client = within(self.host.dial_client(id)).await.expect("it is lent");
        Remote::new(client, self.host.clone())
    }

    /// The same with a service that is written by hand.
    async fn connect_service(&self, service: Service) -> Client {
        let id = self.plugin.next_id();
        let plugin = self.plugin.clone();
        let server = Server::from(service);
        tokio::spawn(async move { plugin.accept_and_serve(id, server).await });
        within(self.host.dial_client(id))
            .await
            .expect("it is accepted")
    }
}
