//! Several kinds of plugins in one executable.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process;

use super::config::ServeConfig;
use super::serve::serve;

/// Serves one of several plugins: the one that the process's only argument names.
/// (`plugin.ServeMux`)
///
/// For an executable that contains several plugins, perhaps with different handshakes. Interfaces
/// of one handshake need no such choice: they go into one
/// [`PluginSet`](crate::connection::PluginSet).
///
/// ```no_run
/// use plugwire::connection::PluginSet;
/// use plugwire::handshake::HandshakeConfig;
/// use plugwire::plugin::{ServeConfig, serve_mux};
///
/// # async fn example() {
/// let builder = ServeConfig::new(HandshakeConfig::new(1, "BUILDER", "x"), PluginSet::new());
/// let deployer = ServeConfig::new(HandshakeConfig::new(1, "DEPLOYER", "x"), PluginSet::new());
/// serve_mux([("builder", builder), ("deployer", deployer)]).await;
/// # }
/// ```
///
/// As with [`serve`], if serving is not possible, the reason is written to standard error and the
/// process **exits with status 1**. The same happens without an argument, with several, and with
/// one that names no plugin.
///
/// # Panics
///
/// Outside a tokio runtime with I/O and time enabled.
pub async fn serve_mux<N: AsRef<str>>(configs: impl IntoIterator<Item = (N, ServeConfig)>) {
    match choose(std::env::args_os().skip(1), configs) {
        Ok(config) => serve(config).await,
        Err(reason) => {
            // Unlike `eprintln!`, this does not panic where standard error is closed.
            let _ = writeln!(io::stderr(), "{reason}");
            process::exit(1);
        }
    }
}

/// The errors are go-plugin's texts, followed by the names of the plugins.
fn choose<N: AsRef<str>>(
    arguments: impl IntoIterator<Item = OsString>,
    configs: impl IntoIterator<Item = (N, ServeConfig)>,
) -> Result<ServeConfig, String> {
    let mut arguments = arguments.into_iter();
    let (Some(wanted), None) = (arguments.next(), arguments.next()) else {
        return Err(
            "Invoked improperly. This is an internal command that shouldn't\n\
                    be manually invoked."
                .to_owned(),
        );
    };
    let mut there = Vec::new();
    for (name, config) in configs {
        if wanted == name.as_ref() {
            return Ok(config);
        }
        there.push(name.as_ref().to_owned());
    }
    let wanted = wanted.to_string_lossy();
    Err(format!(
        "Unknown plugin: {wanted}\nThere are: {}",
        there.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::PluginSet;
    use crate::handshake::HandshakeConfig;

    fn chosen(arguments: &[&str]) -> Result<String, String> {
        let config = |key| ServeConfig::new(HandshakeConfig::new(1, key, "x"), PluginSet::new());
        let configs = [("one", config("ONE")), ("two", config("TWO"))];
        let config = choose(arguments.iter().map(OsString::from), configs)?;
        Ok(config.handshake.magic_cookie_key.into_owned())
    }

    #[test]
    fn the_argument_chooses_what_is_served() {
        assert_eq!(chosen(&["two"]).unwrap(), "TWO");
        assert_eq!(chosen(&["one"]).unwrap(), "ONE");
        let error = chosen(&["three"]).unwrap_err();
        assert_eq!(error, "Unknown plugin: three\nThere are: one, two");
        for arguments in [&[][..], &["one", "two"]] {
            let error = chosen(arguments).unwrap_err();
            assert!(error.starts_with("Invoked improperly. "), "{error}");
        }
    }
}
