//! What a client and a server promise, in gob.

use std::time::Duration;

use crate::cases::{Pair, echo, plugin};
use plugwire::rpc::{CallError, Client, Codec, Server, Service};
use serde::{Deserialize, Serialize};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

in_codec!(Codec::Gob);

#[tokio::test]
async fn an_argument_or_reply_that_gob_cannot_say_fails_the_call_alone() {
    #[derive(Serialize, Deserialize)]
    enum Either {
        Left(i64),
        Right { text: String },
    }
    let service = echo().method("Either", |_: ()| async { Ok::<_, String>(Either::Left(1)) });
    let client = plugin(Codec::Gob, service);
    let wrong = Either::Right { text: "x".into() };
    let error = within(client.call::<_, Pair>("Plugin.Echo", &wrong))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Encode { .. }), "{error:?}");
    let error = within(client.call::<_, ()>("Plugin.Either", &()))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Server(_)), "{error:?}");
    assert!(error.to_string().contains("Either"), "{error}");
    let pair = Pair {
        left: 1,
        right: "one".into(),
    };
    let reply: Pair = within(client.call("Plugin.Echo", &pair)).await.unwrap();
    assert_eq!(reply, pair);
}

#[tokio::test]
async fn a_reply_for_a_call_that_nobody_made_is_ignored() {
    let (here, there) = tokio::io::duplex(4096);
    let client = Client::new(here, Codec::Gob);
    let (mut read, mut write) = tokio::io::split(there);
    // A server's whole answer to a call numbered 0, taken from a real one, sent before any call.
    let mut captured = {
        let (left, right) = tokio::io::duplex(4096);
        let service = Service::new().method("Answer", |_: ()| async { Ok::<_, String>(42i64) });
        tokio::spawn(async move {
            Server::new()
                .register("Plugin", service)
                .serve(right, Codec::Gob)
                .await
        });
        let (mut left_read, mut left_write) = tokio::io::split(left);
        // The request as this client writes it.
        let call = {
            let client = client.clone();
            tokio::spawn(async move { client.call::<_, i64>("Plugin.Answer", &()).await })
        };
        let mut request = vec![0; 4096];
        let n = within(read.read(&mut request)).await.unwrap();
        left_write.write_all(&request[..n]).await.unwrap();
        let mut reply = vec![0; 4096];
        let n = within(left_read.read(&mut reply)).await.unwrap();
        write.write_all(&reply[..n]).await.unwrap();
        assert_eq!(within(call).await.unwrap().unwrap(), 42);
        reply.truncate(n);
        reply
    };
    // The last two messages are the header and the body: numbered 0 again, and of no call now. The
    // definitions before them must not be sent twice, so they are cut off.
    let tail = {
        let mut starts = Vec::new();
        let mut at = 0;
        while at < captured.len() {
            starts.push(at);
            at += 1 + captured[at] as usize;
        }
        starts[starts.len() - 2]
    };
    write.write_all(&captured.split_off(tail)).await.unwrap();
    // The next call is still answered.
    let call = {
        let client = client.clone();
        tokio::spawn(async move {
            client
                .with_timeout(Duration::from_millis(100))
                .call::<_, i64>("Plugin.Answer", &())
                .await
        })
    };
    assert!(within(call).await.unwrap().unwrap_err().is_timeout());
}
