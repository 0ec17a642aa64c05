//! Calls and their errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use plugwire::rpc::{CallError, Client};
use plugwire_interop::types::{EchoArgs, EchoReply, Report, User, ada};
use tokio::task::JoinSet;

use crate::peer::Peer;
use support::within;

async fn still_greets(kit: &Client, peer: Peer) {
    let greeting: String = within(kit.call("Plugin.Greet", &())).await.unwrap();
    assert_eq!(greeting, peer.greeting());
}

async fn error(kit: &Client, method: &str) -> CallError {
    within(kit.call::<_, ()>(method, &())).await.unwrap_err()
}

pub async fn greet(peer: Peer) {
    let (client, kit) = peer.kit().await;
    still_greets(&kit, peer).await;
    client.kill().await;
}

pub async fn struct_argument_and_reply(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let user = ada();
    let report: Report = within(kit.call("Plugin.Describe", &user)).await.unwrap();
    let expected = Report {
        summary: "Ada (36) of London".into(),
        depth: 2,
        tag_count: 3,
        user,
    };
    assert_eq!(report, expected);
    // Nothing but zeros: every field is left out on the wire.
    let unset = User::default();
    let report: Report = within(kit.call("Plugin.Describe", &unset)).await.unwrap();
    assert_eq!(report.summary, " (0) of ");
    assert_eq!(report.user, unset);
    client.kill().await;
}

pub async fn server_error(peer: Peer) {
    let (client, kit) = peer.kit().await;
    for text in ["not today", "rpc: something", "ünïcode\nin two lines"] {
        let error = within(kit.call::<_, String>("Plugin.Fail", text))
            .await
            .unwrap_err();
        assert!(
            matches!(&error, CallError::Server(got) if got.text() == text),
            "{error:?}"
        );
        assert!(!error.is_method_not_found());
    }
    still_greets(&kit, peer).await;
    client.kill().await;
}

pub async fn missing_method_and_the_plugin_lives_on(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let error = error(&kit, "Plugin.Hi").await;
    assert_eq!(error.to_string(), "rpc: can't find method Plugin.Hi");
    assert!(error.is_method_not_found());
    still_greets(&kit, peer).await;
    client.kill().await;
}

pub async fn missing_service(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let missing = error(&kit, "Plugin2.Hi").await;
    assert_eq!(missing.to_string(), "rpc: can't find service Plugin2.Hi");
    assert!(missing.is_service_not_found());
    let ill_formed = error(&kit, "NoDot").await;
    assert_eq!(
        ill_formed.to_string(),
        "rpc: service/method request ill-formed: NoDot"
    );
    still_greets(&kit, peer).await;
    client.kill().await;
}

pub async fn unknown_plugin_name(peer: Peer) {
    let client = peer.launch().await;
    let error = within(client.dispense_client("nosuch")).await.unwrap_err();
    assert_eq!(error.to_string(), "unknown plugin type: nosuch");
    within(client.dispense_client("greeter")).await.unwrap();
    client.kill().await;
}

pub async fn an_argument_of_another_type(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let error = within(kit.call::<_, Report>("Plugin.Describe", "a string"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Server(_)), "{error:?}");
    let error = within(kit.call::<_, i64>("Plugin.Greet", &()))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Decode { .. }), "{error:?}");
    still_greets(&kit, peer).await;
    client.kill().await;
}

pub async fn ten_thousand_calls_64_at_a_time(peer: Peer) {
    let (client, kit) = peer.kit().await;
    let next = Arc::new(AtomicI64::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let (kit, next) = (kit.clone(), next.clone());
        callers.spawn(async move {
            loop {
                let seq = next.fetch_add(1, Ordering::Relaxed);
                if seq >= 10_000 {
                    return;
                }
                let payload = seq.to_le_bytes().repeat(1 + seq as usize % 40);
                let args = EchoArgs {
                    seq,
                    payload: payload.clone(),
                    // Some replies are overtaken.
                    delay_micros: (seq % 7) * 50,
                };
                let reply: EchoReply = kit.call("Plugin.Echo", &args).await.unwrap();
                assert_eq!(reply, EchoReply { seq, payload });
            }
        });
    }
    within(callers.join_all()).await;
    client.kill().await;
}

pub async fn ping(peer: Peer) {
    let client = peer.launch().await;
    within(client.ping()).await.unwrap();
    client.kill().await;
    assert!(within(client.ping()).await.unwrap_err().is_disconnected());
}
