//! A plugin that makes a mess of its sockets' directory when it is asked to, or leads its host to
//! the socket of another plugin.
//!
//! Environment: `UNTIDY=own` serves as plugins do, `UNTIDY=outlive` too but goes on when its host
//! is dead, `UNTIDY=NAME` serves on a socket of this name by a handshake line of its own, and
//! `UNTIDY=/PATH` prints another plugin's address as its own.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plugwire::connection::{ConnectionConfig, PluginSet, RpcServer, ServeHooks};
use plugwire::mux::Stream;
use plugwire::plugin::{self, ServeConfig};
use plugwire::rpc::Service;
use plugwire_attacks::HANDSHAKE;

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// For a plugin that never quits.
struct Stubborn;

impl ServeHooks for Stubborn {
    fn stdio(&self, stdout: Stream, stderr: Stream) {
        tokio::spawn(async move {
            let _open = (stdout, stderr);
            std::future::pending::<()>().await
        });
    }

    fn quit(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

fn directory() -> PathBuf {
    std::env::var_os("PLUGIN_UNIX_SOCKET_DIR").unwrap().into()
}

fn done() -> Result<bool, Infallible> {
    Ok(true)
}

fn plugins() -> PluginSet {
    PluginSet::new().register_service("untidy", |_| {
        Ok(Service::new()
            .method("Block", |(): ()| async {
                plugwire_attacks::entered::note();
                std::thread::sleep(std::time::Duration::from_secs(3600));
                done()
            })
            .method("Nest", |levels: usize| async move {
                // Relative to itself, since no path is that long.
                std::env::set_current_dir(directory()).unwrap();
                for _ in 0..levels {
                    std::fs::create_dir("d").unwrap();
                    std::env::set_current_dir("d").unwrap();
                }
                done()
            })
            .method("Litter", |files: usize| async move {
                for file in 0..files {
                    std::fs::write(directory().join(file.to_string()), "").unwrap();
                }
                done()
            })
            .method("BecomeLink", |target: String| async move {
                move_away();
                std::os::unix::fs::symlink(target, directory()).unwrap();
                done()
            })
            .method("BecomeDirectory", |content: String| async move {
                move_away();
                std::fs::create_dir(directory()).unwrap();
                std::fs::write(directory().join(content), "").unwrap();
                done()
            }))
    })
}

fn move_away() {
    let moved = directory().with_extension("moved");
    std::fs::rename(directory(), moved).unwrap();
}

/// Listens and prints a line without the library's help.
async fn serve_by_hand(socket: &Path) {
    let listener = tokio::net::UnixListener::bind(socket).unwrap();
    println!("1|1|unix|{}|netrpc|", socket.display());
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let config = ConnectionConfig::default();
            let server = RpcServer::new(plugins(), config, Arc::new(Stubborn));
            let _ = server.serve_conn(stream).await;
        });
    }
}

#[tokio::main]
async fn main() {
    let manners = std::env::var("UNTIDY").unwrap();
    let config = ServeConfig::new(HANDSHAKE, plugins());
    match &*manners {
        "own" => plugin::serve(config).await,
        "outlive" => plugin::serve(config.outlive_host(true)).await,
        path if path.starts_with('/') => {
            println!("1|1|unix|{path}|netrpc|");
            std::future::pending().await
        }
        name => serve_by_hand(&directory().join(name)).await,
    }
}
