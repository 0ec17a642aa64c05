//! Stands between a host and a plugin, and writes down what either says.
//!
//! A host starts it as its plugin, with the plugin's path in `RELAY_PLUGIN` and a directory in
//! `RELAY_RECORD`. There it leaves the variables of the host (`environment`), the plugin's first
//! line (`line`) and the bytes of both directions (`host`, `plugin`).

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

fn main() -> std::io::Result<()> {
    let plugin = std::env::var_os("RELAY_PLUGIN").expect("a plugin");
    let record = PathBuf::from(std::env::var_os("RELAY_RECORD").expect("a directory"));
    let mut variables: Vec<_> = std::env::vars()
        .filter(|(name, _)| name.starts_with("PLUGIN_") || name.starts_with("PLUGWIRE_"))
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    variables.sort();
    std::fs::write(record.join("environment"), variables.concat())?;

    let mut plugin = Command::new(plugin)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    // Open to the end: the plugin takes the end of the pipe for that of its host.
    let mut output = BufReader::new(plugin.stdout.take().expect("a pipe"));
    let mut line = String::new();
    output.read_line(&mut line)?;
    std::fs::write(record.join("line"), &line)?;
    let address = line.split('|').nth(3).expect("an address").to_owned();
    let socket = record.join("socket");
    let listener = UnixListener::bind(&socket)?;
    print!("{}", line.replace(&address, socket.to_str().expect("text")));
    std::io::stdout().flush()?;

    let (host, _) = listener.accept()?;
    let behind = UnixStream::connect(&*address)?;
    let asked = copy(&host, &behind, &record.join("host"))?;
    let answered = copy(&behind, &host, &record.join("plugin"))?;
    plugin.wait()?;
    drop(output);
    // The host closes its end once it has read that of the plugin.
    for direction in [answered, asked] {
        direction.join().expect("no panic");
    }
    std::fs::remove_file(socket)
}

/// Copies one direction, each piece to the record first.
fn copy(
    from: &UnixStream,
    to: &UnixStream,
    record: &Path,
) -> std::io::Result<thread::JoinHandle<()>> {
    let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
    let mut record = File::create(record)?;
    Ok(thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            record.write_all(&buffer[..count]).expect("it is recorded");
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }))
}
