//! Every Rust host and every Rust plugin of the comparison, in one executable:
//!
//! ```text
//! versus host CONTENDER RUNTIME CALLER PLUGIN [ARGUMENT...]
//! versus plugin CONTENDER RUNTIME
//! versus spin PARENT
//! ```
//!
//! RUNTIME is `current` or `multi`, CALLER `spawned` or `main`. A host starts the plugin, says on
//! its standard output which processes there are, and then answers each line of its standard input,
//! a row to measure, by one line of JSON. It ends with its standard input. `spin` is the load of a
//! busy machine: it uses a core until its parent, of which it is given the id, is gone. `run`
//! drives it.

#![forbid(unsafe_code)]

mod host;
mod pattern;
mod peer;
mod peers;
mod ping_pong;
mod plugin_state;
mod process;
mod rows;
mod types;

use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use peer::{Error, Result, Setup};
use peers::{floor_std, floor_tokio, goplugin, plugwire, remoc, tarpc};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["spin", parent] = args[..] {
        return process::spin(parent);
    }
    process::end_with_parent();
    let done = match args[..] {
        ["host", contender, runtime, caller, plugin, ref rest @ ..] => {
            let setup = Setup {
                plugin: plugin.into(),
                args: rest.iter().map(|arg| (*arg).to_owned()).collect(),
            };
            host(contender, runtime, caller == "spawned", setup)
        }
        ["plugin", contender, runtime] => plugin(contender, runtime),
        _ => Err(
            "versus host CONTENDER RUNTIME CALLER PLUGIN..., or versus plugin CONTENDER RUNTIME"
                .into(),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("versus: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime(kind: &str) -> Result<Runtime> {
    let mut builder = match kind {
        "current" => Builder::new_current_thread(),
        "multi" => Builder::new_multi_thread(),
        other => return Err(format!("no runtime {other:?}").into()),
    };
    Ok(builder.enable_all().build()?)
}

fn host(contender: &str, kind: &str, spawned: bool, setup: Setup) -> Result<()> {
    let runtime = runtime(kind)?;
    match contender {
        "plugwire" => runtime.block_on(host::run::<plugwire::Host>(setup, spawned)),
        "goplugin" => runtime.block_on(host::run::<goplugin::Host>(setup, spawned)),
        "tarpc" => runtime.block_on(host::run::<tarpc::Host>(setup, spawned)),
        "remoc" => runtime.block_on(host::run::<remoc::Host>(setup, spawned)),
        "floor-tokio" => runtime.block_on(host::run::<floor_tokio::Host>(setup, spawned)),
        "floor-std" => runtime.block_on(host::run::<floor_std::Host>(setup, spawned)),
        other => Err(unknown(other)),
    }
}

fn plugin(contender: &str, kind: &str) -> Result<()> {
    let runtime = runtime(kind)?;
    match contender {
        "plugwire" => runtime.block_on(plugwire::plugin()),
        "goplugin" => runtime.block_on(goplugin::plugin()),
        "tarpc" => runtime.block_on(tarpc::plugin()),
        "remoc" => runtime.block_on(remoc::plugin()),
        "floor-tokio" => runtime.block_on(floor_tokio::plugin()),
        "floor-std" => floor_std::plugin(),
        other => Err(unknown(other)),
    }
}

fn unknown(contender: &str) -> Error {
    format!("no contender {contender:?}").into()
}
