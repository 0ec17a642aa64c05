//! The examples, as a newcomer runs them, and with go-plugin's own basic example on the other side.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use crate::go;

/// The directory of the built examples: built once per run.
fn examples() -> &'static Path {
    static EXAMPLES: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        // Next to the kit, in whatever profile and directory this run builds into.
        let profile = Path::new(env!("CARGO_BIN_EXE_kit-plugin"))
            .parent()
            .unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args([
                "build",
                "--package",
                "plugwire",
                "--examples",
                "--target-dir",
            ])
            .arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the examples build");
        profile.join("examples")
    })
}

/// Runs a program to its end, with a directory for temporary files that must be empty then.
fn run(mut program: Command) -> Output {
    let temporary = tempfile::tempdir().unwrap();
    let output = program
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "sockets or files are left: {left:?}");
    assert!(output.status.success(), "{output:?}");
    output
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Whether a process runs whose command line begins with this program.
fn runs(program: &Path) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return false;
    };
    processes.flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).next() == Some(program.as_os_str().as_encoded_bytes())
    })
}

/// Runs an example that hosts itself, and returns what it says.
fn said_by(name: &str) -> Vec<String> {
    // Under a name of its own, so that its processes can be told from others'.
    let directory = tempfile::tempdir().unwrap();
    let example = directory.path().join("example");
    std::fs::copy(examples().join(name), &example).unwrap();
    let output = run(Command::new(&example));
    assert!(!runs(&example), "no process is left");
    lines(&output)
}

/// Runs a greeter that hosts itself, and returns what it says.
fn hosts_itself(name: &str) -> Vec<String> {
    let lines = said_by(name);
    assert_eq!(lines[0], "Plugin.Greet: Hello!");
    assert_eq!(lines[1], "Plugin.Hi: rpc: can't find method Plugin.Hi");
    assert!(lines.contains(&"Plugin.GreetGuest: Hello, Ferris!".to_owned()));
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with("Plugin.Checksum: 8388608 bytes, ")
    );
    lines
}

#[test]
fn the_greeter_hosts_itself() {
    let lines = hosts_itself("greeter");
    assert!(lines.contains(&"Plugin.GreetLoudly: HELLO!".to_owned()));
}

#[test]
fn the_greeter_by_hand_hosts_itself() {
    hosts_itself("greeter_by_hand");
}

#[test]
fn a_subscription_is_ended_by_its_subscriber() {
    let expected = [
        r#"Plugin.Subscribe: Event { topic: "weather", number: 1 }"#,
        r#"Plugin.Subscribe: Event { topic: "weather", number: 2 }"#,
        r#"Plugin.Subscribe: Event { topic: "weather", number: 3 }"#,
        "Plugin.Quiet: no subscription is left",
        "Plugin.Record: 1000 events",
    ];
    assert_eq!(said_by("events"), expected);
}

#[test]
fn the_supervised_dice_roll_on() {
    let output = run(Command::new(examples().join("supervised")));
    assert_eq!(
        lines(&output),
        [
            "a call is lost: the plugin crashed",
            "the same handle, another process: true",
            "reloaded: true",
            "idle, and still 6 sides",
            "crashes: 1",
        ]
    );
}

#[test]
fn the_greeter_hosts_go_s_greeter() {
    if !go::present() {
        return;
    }
    let expected = [
        "Plugin.Greet: Hello!",
        "Plugin.Hi: rpc: can't find method Plugin.Hi",
        "Plugin.Greet, still: Hello!",
        "Plugin.GreetLoudly: HELLO!",
    ];
    let mut greeter = Command::new(examples().join("greeter"));
    greeter.arg(go::program("basicplugin"));
    assert_eq!(lines(&run(greeter)), expected);
    let mut by_hand = Command::new(examples().join("greeter_by_hand"));
    by_hand.arg(go::program("basicplugin"));
    assert_eq!(lines(&run(by_hand)), expected[..3]);
}

#[test]
fn go_s_host_hosts_the_greeter_plugin() {
    if !go::present() {
        return;
    }
    let mut host = Command::new(go::program("basichost"));
    host.arg(examples().join("greeter_plugin"));
    assert_eq!(lines(&run(host)), ["Hello!"]);
}
