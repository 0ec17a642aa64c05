//! What may be written, in traits and in implementations.

use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use plugwire::interface::BoxFuture;
use plugwire::rpc::Codec;
use plugwire::{Reader, Remote, Result};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::error::TryRecvError;

use crate::Pair;
use crate::counter::{AddHelper, Adder};
use support::within;

/// Names that the attribute's own code might have thought its own.
#[allow(clippy::too_many_arguments)]
#[plugwire::interface]
pub trait Names: Debug {
    async fn names(
        &self,
        call: i64,
        args: i64,
        reply: i64,
        error: i64,
        object: i64,
        broker: i64,
        methods: i64,
        wire: i64,
    ) -> Result<(i64, i64)>;
    async fn service(&self, broker: String, wire: NamesArgs) -> Result<NamesArgs>;
    async fn with_timeout(&self) -> Result<()>;
    async fn r#match(&self, r#in: String) -> Result<String>;
    #[cfg(any())]
    async fn gone(&self, what: Missing, more: Missing) -> Result<Missing>;
    #[plugwire(args = "map")]
    async fn map(&self, args: String, call: Reader) -> Result<String> {
        let _ = call;
        Ok(args)
    }
}

/// A name that the attribute would give to a struct of its own.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NamesArgs {
    text: String,
}

#[derive(Debug)]
struct Named<T>(T);

#[plugwire::interface]
impl<T: Display + Debug + Send + Sync + 'static> Names for Named<T>
where
    T: Clone,
{
    async fn names(
        &self,
        call: i64,
        args: i64,
        mut reply: i64,
        error: i64,
        object: i64,
        broker: i64,
        methods: i64,
        wire: i64,
    ) -> Result<(i64, i64)> {
        for part in [call, args, error, object, broker, methods] {
            reply += part;
        }
        Ok((reply, wire))
    }

    async fn service(&self, broker: String, NamesArgs { text }: NamesArgs) -> Result<NamesArgs> {
        let text = format!("{broker}{text}{}", self.0);
        Ok(NamesArgs { text })
    }

    // As the trait has it.
    fn with_timeout(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    async fn r#match(&self, r#in: String) -> Result<String> {
        let Some(first) = r#in.chars().next() else {
            return Err("nothing".into());
        };
        Ok(first.into())
    }
}

#[tokio::test]
async fn names_are_kept_apart() {
    let pair = Pair::new();
    let names = pair.connect::<dyn Names>(Arc::new(Named("!"))).await;
    let sum = within(names.names(1, 2, 3, 4, 5, 6, 7, 8)).await.unwrap();
    assert_eq!(sum, (28, 8));
    let argument = NamesArgs { text: "b".into() };
    let got = within(names.service("a".into(), argument)).await.unwrap();
    assert_eq!(got.text, "ab!");
    assert_eq!(within(names.r#match("xy".into())).await.unwrap(), "x");
    let reader = Reader::new(tokio::io::empty());
    assert_eq!(within(names.map("a".into(), reader)).await.unwrap(), "a");
    // `Remote` has one of the same name; the trait's is there all the same.
    within(Names::with_timeout(&names)).await.unwrap();
    let names: Arc<dyn Names> = Arc::new(names.with_timeout(Duration::from_secs(9)));
    within(names.with_timeout()).await.unwrap();
}

/// What is said by alias, and what is only called so.
mod aliases {
    use super::*;

    pub type Helper = Arc<dyn AddHelper>;

    pub mod own {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct Reader {
            pub name: String,
        }
    }

    #[plugwire::interface]
    pub trait Aliases {
        async fn by_alias(&self, #[plugwire(brokered)] helper: Helper) -> Result<i64>;
        #[plugwire(reply = "brokered")]
        async fn returned(&self) -> Result<Helper>;
        async fn qualified(&self, reader: own::Reader) -> Result<own::Reader>;
        async fn ours(&self, reader: plugwire::interface::Reader) -> Result<String>;
    }

    use own::Reader;

    #[plugwire::interface]
    pub trait Readers {
        #[plugwire(reply = "value")]
        async fn same(&self, #[plugwire(value)] reader: Reader) -> Result<Reader>;
    }
}

use aliases::{Aliases, Helper, Readers, own};

struct Both;

#[plugwire::interface]
impl Aliases for Both {
    async fn by_alias(&self, helper: Helper) -> Result<i64> {
        helper.add(1, 2).await
    }

    async fn returned(&self) -> Result<Helper> {
        Ok(Adder::new())
    }

    async fn qualified(&self, reader: own::Reader) -> Result<own::Reader> {
        Ok(reader)
    }

    async fn ours(&self, mut reader: Reader) -> Result<String> {
        let mut text = String::new();
        reader.read_to_string(&mut text).await?;
        Ok(text)
    }
}

#[plugwire::interface]
impl Readers for Both {
    async fn same(&self, reader: own::Reader) -> Result<own::Reader> {
        Ok(reader)
    }
}

fn named() -> own::Reader {
    own::Reader {
        name: "Ada".to_owned(),
    }
}

#[tokio::test]
async fn what_a_type_does_not_tell_is_said() {
    let pair = Pair::new();
    let aliases = pair.connect::<dyn Aliases>(Arc::new(Both)).await;
    assert_eq!(within(aliases.by_alias(Adder::new())).await.unwrap(), 3);
    let helper = within(aliases.returned()).await.unwrap();
    assert_eq!(within(helper.add(2, 2)).await.unwrap(), 4);
    assert_eq!(within(aliases.qualified(named())).await.unwrap(), named());
    let text = within(aliases.ours(Reader::new(&b"text"[..]))).await;
    assert_eq!(text.unwrap(), "text");
    let readers = pair.connect::<dyn Readers>(Arc::new(Both)).await;
    assert_eq!(within(readers.same(named())).await.unwrap(), named());
}

/// Methods of a whole trait in one form; the trait and its implementation in a function.
#[tokio::test]
async fn a_form_may_be_that_of_the_whole_trait() {
    #[plugwire::interface(service = "Hooks", args = "letters", reply = "letters")]
    trait Hooks {
        async fn on_start(&self) -> Result<()>;
        async fn on_user(&self, id: String) -> Result<Option<i64>>;
        async fn on_pair(&self, a: i64, b: i64) -> Result<(i64, i64)>;
        async fn failing(&self) -> Result<(), String>;
    }

    struct Plugin;

    #[plugwire::interface]
    impl Hooks for Plugin {
        async fn on_start(&self) -> Result<()> {
            Ok(())
        }

        async fn on_user(&self, id: String) -> Result<Option<i64>> {
            Ok(id.parse().ok())
        }

        async fn on_pair(&self, a: i64, b: i64) -> Result<(i64, i64)> {
            Ok((b, a))
        }

        async fn failing(&self) -> Result<(), String> {
            Err("as told".into())
        }
    }

    let pair = Pair::new();
    let hooks = pair.connect::<dyn Hooks>(Arc::new(Plugin)).await;
    within(hooks.on_start()).await.unwrap();
    assert_eq!(within(hooks.on_user("7".into())).await.unwrap(), Some(7));
    assert_eq!(within(hooks.on_user("x".into())).await.unwrap(), None);
    assert_eq!(within(hooks.on_pair(1, 2)).await.unwrap(), (2, 1));
    assert_eq!(within(hooks.failing()).await.unwrap_err(), "as told");
    assert_eq!(<dyn Hooks>::ON_START.name(), "Hooks.OnStart");
}

/// The only parameter as itself, in a trait whose other methods have a struct.
#[tokio::test]
async fn an_argument_may_be_the_bare_value_where_the_trait_says_otherwise() {
    #[plugwire::interface(args = "letters")]
    trait Users {
        #[plugwire(args = "value")]
        async fn name(&self, id: i64) -> Result<String>;
        #[plugwire(args = "value")]
        async fn maybe(&self, #[plugwire(value)] id: Option<i64>) -> Result<bool>;
        async fn in_a_struct(&self, id: i64) -> Result<String>;
    }

    struct Plugin;

    #[plugwire::interface]
    impl Users for Plugin {
        async fn name(&self, id: i64) -> Result<String> {
            Ok(format!("user {id}"))
        }

        async fn maybe(&self, id: Option<i64>) -> Result<bool> {
            Ok(id.is_some())
        }

        async fn in_a_struct(&self, id: i64) -> Result<String> {
            self.name(id).await
        }
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Letter {
        a: i64,
    }

    for codec in [Codec::Gob, Codec::MsgPack] {
        let pair = Pair::speaking(codec);
        let users = pair.connect::<dyn Users>(Arc::new(Plugin)).await;
        assert_eq!(within(users.name(7)).await.unwrap(), "user 7");
        assert!(within(users.maybe(Some(7))).await.unwrap());
        assert_eq!(within(users.in_a_struct(7)).await.unwrap(), "user 7");
        // And by hand, where the form is seen.
        let client = Remote::rpc_client(&users);
        let name: String = within(client.call("Plugin.Name", &7i64)).await.unwrap();
        assert_eq!(name, "user 7");
        let wrong = client.call::<_, String>("Plugin.Name", &Letter { a: 7 });
        assert!(within(wrong).await.is_err());
        let right = client.call::<_, String>("Plugin.InAStruct", &Letter { a: 7 });
        assert_eq!(within(right).await.unwrap(), "user 7");
        let wrong = client.call::<_, String>("Plugin.InAStruct", &7i64);
        assert!(within(wrong).await.is_err());
    }
}

/// As those of any `async fn` are.
#[tokio::test]
async fn unused_parameters_are_held_until_the_method_ends() {
    #[plugwire::interface]
    trait Holder {
        async fn hold(&self, helper: Arc<dyn AddHelper>, other: Arc<dyn AddHelper>) -> Result<()>;
    }

    struct Waits(tokio::sync::Notify);

    #[plugwire::interface]
    impl Holder for Waits {
        async fn hold(&self, _helper: Arc<dyn AddHelper>, _: Arc<dyn AddHelper>) -> Result<()> {
            self.0.notified().await;
            Ok(())
        }
    }

    let waits = Waits(tokio::sync::Notify::new());
    let (helper, mut drops) = Adder::watched();
    let (other, mut other_drops) = Adder::watched();
    let mut held = waits.hold(helper, other);
    assert!((&mut held).now_or_never().is_none());
    for drops in [&mut drops, &mut other_drops] {
        assert_eq!(drops.try_recv(), Err(TryRecvError::Empty));
    }
    waits.0.notify_one();
    within(held).await.unwrap();
    assert!(drops.try_recv().is_ok() && other_drops.try_recv().is_ok());
}

#[tokio::test]
async fn the_crate_may_have_another_name() {
    use renamed::Result as RenamedResult;

    #[renamed::interface(crate = ::renamed)]
    trait Elsewhere {
        async fn sum(&self, a: i64, b: i64) -> RenamedResult<i64> {
            Ok(a + b)
        }
    }

    struct Here;

    #[renamed::interface(crate = ::renamed)]
    impl Elsewhere for Here {}

    let pair = Pair::new();
    let elsewhere = pair.connect::<dyn Elsewhere>(Arc::new(Here)).await;
    assert_eq!(within(elsewhere.sum(1, 2)).await.unwrap(), 3);
}
