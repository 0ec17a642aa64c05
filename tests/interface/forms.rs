//! What is on the wire: a trait on one side, and on the other what is written by hand.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use plugwire::gob::{Any, Value};
use plugwire::rpc::{CallError, Codec, Empty, Service};
use plugwire::{Remote, Result};
use serde::{Deserialize, Serialize};

use crate::Pair;
use support::within;

#[plugwire::interface]
pub trait Forms {
    async fn nothing(&self) -> Result<()>;
    async fn one(&self, value: i64) -> Result<i64>;
    async fn several(&self, user_id: u64, r#type: String) -> Result<String>;
    #[plugwire(name = "Renamed")]
    async fn called_otherwise(
        &self,
        #[plugwire(name = "UserID")] user_id: u64,
        url: String,
    ) -> Result<String>;
    #[plugwire(args = "struct")]
    async fn one_in_a_struct(&self, value: i64) -> Result<i64>;
    #[plugwire(args = "struct", reply = "empty")]
    async fn empty(&self) -> Result<()>;
    #[plugwire(args = "letters", reply = "letters")]
    async fn letters(&self, x: i64, y: String) -> Result<i64>;
    async fn pair(&self) -> Result<(i64, String)>;
    #[plugwire(args = "map")]
    async fn map(
        &self,
        key: String,
        #[plugwire(go = "int", name = "Count")] count: i64,
        extra: Option<String>,
    ) -> Result<String>;
    async fn anything(&self, value: Any) -> Result<Any>;
}

struct Echo;

#[plugwire::interface]
impl Forms for Echo {
    async fn nothing(&self) -> Result<()> {
        Ok(())
    }

    async fn one(&self, value: i64) -> Result<i64> {
        Ok(value)
    }

    async fn several(&self, user_id: u64, r#type: String) -> Result<String> {
        Ok(format!("{user_id} {type}"))
    }

    async fn called_otherwise(&self, user_id: u64, url: String) -> Result<String> {
        Ok(format!("{user_id} {url}"))
    }

    async fn one_in_a_struct(&self, value: i64) -> Result<i64> {
        Ok(value)
    }

    async fn empty(&self) -> Result<()> {
        Ok(())
    }

    async fn letters(&self, x: i64, y: String) -> Result<i64> {
        Ok(x + y.len() as i64)
    }

    async fn pair(&self) -> Result<(i64, String)> {
        Ok((1, "one".into()))
    }

    async fn map(&self, key: String, count: i64, extra: Option<String>) -> Result<String> {
        Ok(format!("{key} {count} {extra:?}"))
    }

    async fn anything(&self, value: Any) -> Result<Any> {
        Ok(value)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Several {
    user_id: u64,
    r#type: String,
}

#[derive(Serialize, Deserialize)]
struct Renamed {
    #[serde(rename = "UserID")]
    user_id: u64,
    #[serde(rename = "Url")]
    url: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct One {
    value: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Letters {
    a: i64,
    b: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Letter {
    a: i64,
}

fn done<T>(value: T) -> Result<T, Infallible> {
    Ok(value)
}

/// The service as one would write it; what comes is taken as exactly what it should be.
fn by_hand() -> Service {
    Service::new()
        .method("Nothing", |value: Value| async move {
            match value {
                Value::Nil => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .method("One", |value: i64| async move { done(value) })
        .method("Several", |args: Several| async move {
            done(format!("{} {}", args.user_id, args.r#type))
        })
        .method("Renamed", |args: Renamed| async move {
            done(format!("{} {}", args.user_id, args.url))
        })
        .method("OneInAStruct", |args: One| async move { done(args.value) })
        .method("Empty", |_: Empty| async { done(Empty {}) })
        .method("Letters", |args: Letters| async move {
            done(Letter {
                a: args.a + args.b.len() as i64,
            })
        })
        .method("Pair", |_: ()| async {
            done(Letters {
                a: 1,
                b: "one".into(),
            })
        })
        .method("Map", |args: BTreeMap<String, Any>| async move {
            let names: Vec<&str> = args.values().map(Any::name).collect();
            let keys: Vec<&str> = args.keys().map(String::as_str).collect();
            if keys != ["Count", "extra", "key"] || names[0] != "int" || names[2] != "string" {
                return Err(format!("{args:?}"));
            }
            let extra = args["extra"].as_str();
            Ok(format!(
                "{} {} {extra:?}",
                args["key"].as_str().unwrap_or_default(),
                args["Count"].as_i64().unwrap_or_default(),
            ))
        })
        .method("Anything", |value: Any| async move { done(value) })
}

async fn use_forms(forms: &dyn Forms) {
    forms.nothing().await.unwrap();
    assert_eq!(forms.one(7).await.unwrap(), 7);
    assert_eq!(forms.several(7, "x".into()).await.unwrap(), "7 x");
    let renamed = forms.called_otherwise(7, "x".into()).await;
    assert_eq!(renamed.unwrap(), "7 x");
    assert_eq!(forms.one_in_a_struct(7).await.unwrap(), 7);
    forms.empty().await.unwrap();
    assert_eq!(forms.letters(7, "abc".into()).await.unwrap(), 10);
    assert_eq!(forms.pair().await.unwrap(), (1, "one".to_owned()));
    for (extra, expected) in [(Some("e"), "k 3 Some(\"e\")"), (None, "k 3 None")] {
        let said = forms.map("k".into(), 3, extra.map(str::to_owned)).await;
        assert_eq!(said.unwrap(), expected);
    }
    let any = forms.anything(Any::Int8(-3)).await.unwrap();
    // MessagePack has numbers of no type.
    assert_eq!(any.as_i64(), Some(-3));
}

#[tokio::test]
async fn a_typed_client_speaks_to_a_service_written_by_hand() {
    let pair = Pair::new();
    let client = pair.connect_service(by_hand()).await;
    let forms = Remote::<dyn Forms>::new(client, pair.host.clone());
    within(use_forms(&forms)).await;
}

#[tokio::test]
async fn a_typed_client_speaks_to_a_served_implementation() {
    let pair = Pair::new();
    let forms = pair.connect::<dyn Forms>(Arc::new(Echo)).await;
    within(use_forms(&forms)).await;
}

#[tokio::test]
async fn a_trait_speaks_messagepack_too() {
    let pair = Pair::speaking(Codec::MsgPack);
    let forms = pair.connect::<dyn Forms>(Arc::new(Echo)).await;
    within(use_forms(&forms)).await;
}

#[tokio::test]
async fn a_client_written_by_hand_speaks_to_a_served_implementation() {
    let pair = Pair::new();
    let forms = pair.connect::<dyn Forms>(Arc::new(Echo)).await;
    let rpc = Remote::rpc_client(&forms);
    within(async {
        let reply: Value = rpc.call("Plugin.Nothing", &()).await?;
        assert!(matches!(reply, Value::Nil), "{reply:?}");
        let args = Several {
            user_id: 7,
            r#type: "x".into(),
        };
        let reply: String = rpc.call("Plugin.Several", &args).await?;
        assert_eq!(reply, "7 x");
        let args = Renamed {
            user_id: 7,
            url: "x".into(),
        };
        let reply: String = rpc.call("Plugin.Renamed", &args).await?;
        assert_eq!(reply, "7 x");
        let _: Empty = rpc.call("Plugin.Empty", &Empty {}).await?;
        let args = Letters {
            a: 7,
            b: "abc".into(),
        };
        let reply: Letter = rpc.call("Plugin.Letters", &args).await?;
        assert_eq!(reply, Letter { a: 10 });
        let args = BTreeMap::from([
            ("key".to_owned(), Any::from("k")),
            ("Count".to_owned(), Any::Int(3)),
        ]);
        let reply: String = rpc.call("Plugin.Map", &args).await?;
        assert_eq!(reply, "k 3 None");
        Ok::<_, CallError>(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_map_without_an_argument_is_refused_by_its_name() {
    let pair = Pair::new();
    let forms = pair.connect::<dyn Forms>(Arc::new(Echo)).await;
    let args = BTreeMap::from([("key".to_owned(), Any::from("k"))]);
    let rpc = Remote::rpc_client(&forms);
    let error = within(rpc.call::<_, String>("Plugin.Map", &args)).await;
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("argument \"Count\": "), "{error}");
    assert!(error.ends_with("(in a call of Map)"), "{error}");
}
