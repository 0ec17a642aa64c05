//! What a plugin prints and logs.

use plugwire::connection::{ConnectionConfig, RpcClient};
use support::causes::assert_fails;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, DuplexStream};
use tokio::net::UnixStream;

use super::*;

async fn all_of(mut copy: DuplexStream) -> String {
    let mut text = String::new();
    copy.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn what_a_plugin_prints_reaches_the_host_in_order() {
    let place = Place::new();
    let (stdout, copied) = tokio::io::duplex(1024);
    let (stderr, copied_error) = tokio::io::duplex(1024);
    let client = launch(place.config("").sync_stdout(stdout).sync_stderr(stderr)).await;
    let reading = tokio::spawn(all_of(copied));
    let tester = tester_of(&client).await;
    assert!(ask(&tester, "PrintError", "an error\n").await);
    // Several times what a pipe holds, and in one go.
    let printed: bool = tester.call("Plugin.PrintLines", &60_000_u32).await.unwrap();
    assert!(printed);
    assert!(ask(&tester, "Shell", "echo from a child; echo its error >&2").await);
    assert!(ask(&tester, "Print", "no end of line").await);
    client.kill().await;

    let mut expected: String = (0..60_000).map(|line| format!("line {line}\n")).collect();
    expected += "from a child\nno end of line";
    let text = reading.await.unwrap();
    assert!(
        text == expected,
        "{} of {} bytes",
        text.len(),
        expected.len()
    );
    assert_eq!(all_of(copied_error).await, "an error\nits error\n");
}

#[tokio::test]
async fn a_plugin_can_print_more_than_anybody_reads() {
    let place = Place::new();
    // The host's writer takes a little and then nothing more.
    let (stdout, _never_read) = tokio::io::duplex(16);
    let client = launch(place.config("").sync_stdout(stdout)).await;
    let tester = tester_of(&client).await;
    let printed = tester.call::<_, bool>("Plugin.PrintLines", &80_000_u32);
    assert!(within(printed).await.unwrap());
    let greeting: String = tester.call("Plugin.Greet", &()).await.unwrap();
    assert_eq!(greeting, "Hello!");
    within(client.kill()).await;
    assert!(!exists(client.pid().unwrap()));
}

#[tokio::test]
async fn logs_and_panics_go_to_the_original_stderr() {
    let place = Place::new();
    let (log, copied) = tokio::io::duplex(64 * 1024);
    let (stderr, copied_error) = tokio::io::duplex(64 * 1024);
    let client = launch(place.config("").stderr(log).sync_stderr(stderr)).await;
    let tester = tester_of(&client).await;
    assert!(ask(&tester, "Log", "a log line").await);
    let panicked = tester
        .call::<_, bool>("Plugin.Panic", "out of cheese")
        .await;
    assert_fails(panicked, "Plugin.Panic ended without a reply");
    let greeting: String = tester.call("Plugin.Greet", &()).await.unwrap();
    assert_eq!(greeting, "Hello!", "a panic ends the call and no more");
    client.kill().await;

    let log = all_of(copied).await;
    assert!(log.contains("a log line\n"), "{log}");
    let panic = log.lines().find(|line| line.contains("out of cheese"));
    let panic: serde_json::Value = serde_json::from_str(panic.unwrap()).unwrap();
    assert_eq!(panic["@message"], "panic: out of cheese");
    assert!(
        panic["at"].as_str().unwrap().contains("lifecycle/mod.rs:"),
        "{log}"
    );
    let printed = all_of(copied_error).await;
    assert!(!printed.contains("a log line"), "{printed}");
    assert!(
        printed.contains("out of cheese"),
        "the hook before ran too: {printed}"
    );
}

#[tokio::test]
async fn output_after_serving_goes_where_it_went_before() {
    let place = Place::new();
    let (log, copied) = tokio::io::duplex(64 * 1024);
    let (stderr, copied_error) = tokio::io::duplex(64 * 1024);
    let client = launch(place.config("print").stderr(log).sync_stderr(stderr)).await;
    client.kill().await;
    assert!(all_of(copied).await.contains("late error\n"));
    assert_eq!(all_of(copied_error).await, "");
}

#[tokio::test]
async fn output_follows_the_newest_connection_and_returns() {
    let place = Place::new();
    let (stdout, copied) = tokio::io::duplex(1024);
    let mut copied = BufReader::new(copied).lines();
    let client = launch(place.config("").sync_stdout(stdout)).await;
    let tester = tester_of(&client).await;
    assert!(ask(&tester, "Print", "one\n").await);
    assert_eq!(copied.next_line().await.unwrap().unwrap(), "one");

    let socket = UnixStream::connect(&place.sockets()[0]).await.unwrap();
    let mut second = RpcClient::connect(socket, &ConnectionConfig::default())
        .await
        .unwrap();
    second.ping().await.unwrap();
    let (second_stdout, _) = second.take_stdio().unwrap();
    let mut second_stdout = BufReader::new(second_stdout).lines();
    assert!(ask(&tester, "Print", "two\n").await);
    assert_eq!(second_stdout.next_line().await.unwrap().unwrap(), "two");

    second.close().await;
    drop(second_stdout);
    assert!(ask(&tester, "Print", "three\n").await);
    let line = within(copied.next_line()).await.unwrap().unwrap();
    assert_eq!(line, "three");
    client.kill().await;
}
