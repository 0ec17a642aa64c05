//! The interfaces that cross the wire by broker id.

use std::sync::{Arc, Mutex};

use plugwire::rpc::{CallError, Client, Service};

use crate::types::AddArgs;

/// The host's interface: `Add` and `Name`.
pub fn helper(name: &'static str) -> Service {
    Service::new()
        .method("Add", |args: AddArgs| async move {
            Ok::<_, String>(args.a + args.b)
        })
        .method("Name", move |_: ()| async move {
            Ok::<_, String>(name.to_owned())
        })
}

/// A counter that adds by itself.
pub fn counter(start: i64) -> Service {
    let count = Arc::new(Mutex::new(start));
    Service::new().method("Incr", move |by: i64| {
        let count = {
            let mut count = count.lock().unwrap();
            *count += by;
            *count
        };
        async move { Ok::<_, String>(count) }
    })
}

/// A counter that has its host add.
pub fn counter_with(helper: Client) -> Service {
    let count = Arc::new(tokio::sync::Mutex::new(0));
    Service::new().method("Incr", move |by: i64| {
        let (count, helper) = (count.clone(), helper.clone());
        async move {
            let mut count = count.lock().await;
            let args = AddArgs { a: *count, b: by };
            *count = helper.call("Plugin.Add", &args).await?;
            Ok::<i64, CallError>(*count)
        }
    })
}
