//! The environment that a plugin is started in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::security::Security;
use super::socket_dir::SocketDir;
use crate::handshake::Environment;
use crate::host::config::ClientConfig;
use crate::host::runner::LaunchEnvironment;

/// The variables that the host's author set, and over them those of the protocol.
pub(super) fn of(
    config: &mut ClientConfig,
    security: &Security,
    sockets: &SocketDir,
    detached: bool,
) -> LaunchEnvironment {
    let unix_socket = config.unix_socket.as_ref();
    let environment = Environment {
        versions: config.versions.clone(),
        ports: Ok(config.ports.clone()),
        client_cert: security.client_cert().map(OsString::from),
        detached,
        extensions: config.options.connection().extensions(),
        socket_dir: sockets.in_plugin().map(Path::to_owned),
        socket_group: unix_socket.and_then(|unix_socket| unix_socket.group.clone()),
    };
    let mut variables: BTreeMap<_, _> = config.env.drain(..).collect();
    variables.extend(environment.to_variables(&config.handshake));
    LaunchEnvironment {
        inherit: !config.skip_host_env,
        variables,
        socket_dir: sockets.in_host().map(Path::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::process::Command;

    use super::*;
    use crate::codec::Codec;
    use crate::handshake::{ENV_EXTENSIONS, Extensions, HandshakeConfig, NOT_INHERITED};

    const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(3, "COOKIE", "crumbs");

    type Variables = BTreeMap<String, Option<String>>;

    /// What is set on the command, and what is removed from what it inherits.
    fn applied(environment: &LaunchEnvironment, mut command: Command) -> Variables {
        let text = |value: &OsStr| value.to_str().unwrap().to_owned();
        environment.apply(&mut command);
        command
            .get_envs()
            .map(|(key, value)| (text(key), value.map(text)))
            .collect()
    }

    fn environment_of(
        command: Command,
        change: impl FnOnce(ClientConfig) -> ClientConfig,
    ) -> Variables {
        let mut config = change(ClientConfig::new(HANDSHAKE, Command::new("x")));
        let environment = of(&mut config, &Security::Off, &SocketDir::default(), false);
        applied(&environment, command)
    }

    fn environment(change: impl FnOnce(ClientConfig) -> ClientConfig) -> Variables {
        environment_of(Command::new("x"), change)
    }

    fn set(value: &str) -> Option<Option<String>> {
        Some(Some(value.to_owned()))
    }

    #[test]
    fn the_protocols_variables_are_set() {
        let env = environment(|config| config.versions([3, 1]));
        assert_eq!(env.get("COOKIE").cloned(), set("crumbs"));
        assert_eq!(env.get("PLUGIN_PROTOCOL_VERSIONS").cloned(), set("3,1"));
        assert_eq!(env.get("PLUGIN_MIN_PORT").cloned(), set("10000"));
        assert_eq!(env.get("PLUGIN_MAX_PORT").cloned(), set("25000"));
    }

    #[test]
    fn the_extensions_are_offered() {
        let offer = |extensions: Extensions| set(&format!("COOKIE=crumbs;{extensions}"));
        let all = Extensions::supported();
        let env = environment(|config| config);
        let offered = env.get("PLUGWIRE_EXTENSIONS").cloned();
        assert_eq!(offered, offer(all.without(Extensions::MSGPACK)));
        let env = environment(|config| config.codec(Codec::Rich));
        assert_eq!(env.get("PLUGWIRE_EXTENSIONS").cloned(), offer(all));
    }

    #[test]
    fn the_variables_of_an_outer_host_are_not_passed_on() {
        let env = environment(|config| config);
        for key in NOT_INHERITED {
            if key == ENV_EXTENSIONS {
                continue; // Its own offer replaces it.
            }
            assert_eq!(env.get(key), Some(&None), "{key}");
        }
    }

    #[test]
    fn what_the_command_sets_itself_is_kept() {
        let mut command = Command::new("x");
        command
            .env("PLUGIN_UNIX_SOCKET_DIR", "/run/x")
            .env("A", "1")
            .env_remove("B");
        let env = environment_of(command, |config| config.env("C", "2"));
        assert_eq!(env.get("PLUGIN_UNIX_SOCKET_DIR").cloned(), set("/run/x"));
        assert_eq!(env.get("A").cloned(), set("1"));
        assert_eq!(env.get("B"), Some(&None));
        assert_eq!(env.get("C").cloned(), set("2"));
    }

    #[test]
    fn without_the_hosts_environment_the_rest_stays() {
        let mut command = Command::new("x");
        command.env("A", "1");
        let env = environment_of(command, |config| config.env("C", "2").skip_host_env(true));
        assert_eq!(env.get("A").cloned(), set("1"));
        assert_eq!(env.get("C").cloned(), set("2"));
        assert_eq!(env.get("COOKIE").cloned(), set("crumbs"));
    }

    #[test]
    fn the_protocols_variables_win() {
        let env = environment(|config| config.env("COOKIE", "stale"));
        assert_eq!(env.get("COOKIE").cloned(), set("crumbs"));
    }

    #[cfg(feature = "tls")]
    #[tokio::test]
    async fn the_plugin_gets_its_hosts_certificate_and_no_other() {
        use crate::handshake::ENV_CLIENT_CERT;
        use crate::host::Tls;

        let env = environment(|config| config);
        assert_eq!(
            env.get(ENV_CLIENT_CERT),
            Some(&None),
            "inherited, it is removed"
        );

        let stale = "the certificate of this process's own host";
        let mut command = Command::new("x");
        command.env(ENV_CLIENT_CERT, stale);
        let config = ClientConfig::new(HANDSHAKE, Command::new("x"));
        let mut config = config.env(ENV_CLIENT_CERT, stale).tls(Tls::AutoMtls);
        let starter = config.launch.starter(None).unwrap();
        let security = Security::prepare(&mut config, &starter).await.unwrap();
        let environment = of(&mut config, &security, &SocketDir::default(), false);
        let env = applied(&environment, command);
        let pem = env[ENV_CLIENT_CERT].clone().unwrap();
        assert_eq!(crate::tls::from_pem(pem.as_bytes()).unwrap().len(), 1);
    }
}
