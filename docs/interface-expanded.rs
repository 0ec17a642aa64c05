pub trait Counter: Send + Sync + 'static {
    /// Adds to a count, by a helper of the caller's.
    fn put(
        &self,
        key: String,
        value: i64,
        sum: Arc<dyn AddHelper>,
    ) -> BoxFuture<'_, Result<()>>;
    fn get(&self, key: String) -> BoxFuture<'_, Result<i64>>;
    fn watch(&self, key: String) -> BoxFuture<'_, Result<Arc<dyn Subscription>>>;
    fn doubled(&self, key: String) -> BoxFuture<'_, Result<i64>> {
        CounterDefaults::default_doubled(self, key)
    }
    #[doc(hidden)]
    fn __the_attribute_plugwire_interface_is_missing(&self, method: &str) -> bool;
    #[doc(hidden)]
    fn __remote(&self) -> Option<&Remote<dyn Counter>> {
        None
    }
}
/// The default bodies of [`Counter`], for those that implement it and for remotes whose peer lacks a method.
trait CounterDefaults: Counter {
    fn default_doubled(&self, key: String) -> BoxFuture<'_, Result<i64>> {
        Box::pin(async move {
            if let Some(returned) = None::<Result<i64>> {
                return returned;
            }
            let key = key;
            Ok(2 * self.get(key).await?)
        })
    }
}
impl<T: Counter + ?Sized> CounterDefaults for T {}
const _: () = {
    use plugwire::interface::__private as wire;
    #[derive(wire::serde::Serialize, wire::serde::Deserialize)]
    #[serde(crate = "plugwire::interface::__private::serde")]
    struct PutArgs<A, B> {
        #[serde(rename = "Key")]
        key: A,
        #[serde(rename = "Value")]
        value: B,
        #[serde(rename = "Sum")]
        sum: u32,
    }
    wire::signature! {
        PutMethod(PutArgs < String, i64 >) -> (), (), < Result < () > as wire::Outcome >
        ::Error; String, i64, ()
    }
    wire::signature! {
        GetMethod(String) -> i64, i64, < Result < i64 > as wire::Outcome > ::Error;
        String, i64
    }
    wire::signature! {
        WatchMethod(String) -> u32, u32, < Result < Arc < dyn Subscription > > as
        wire::Outcome > ::Error; String
    }
    wire::signature! {
        DoubledMethod(String) -> i64, i64, < Result < i64 > as wire::Outcome > ::Error;
        String, i64
    }
    impl dyn Counter {
        /// [`Counter::put`] as it is called on the wire.
        pub const PUT: wire::Method<dyn Counter> = wire::Method::new("Plugin.Put");
        /// [`Counter::get`] as it is called on the wire.
        pub const GET: wire::Method<dyn Counter> = wire::Method::new("Plugin.Get");
        /// [`Counter::watch`] as it is called on the wire.
        pub const WATCH: wire::Method<dyn Counter> = wire::Method::new("Plugin.Watch");
        /// [`Counter::doubled`] as it is called on the wire.
        pub const DOUBLED: wire::Method<dyn Counter> = wire::Method::new(
            "Plugin.Doubled",
        );
        /// Checks that gob, the codec of Go peers, can say what the methods of [`Counter`] take and return.
        #[allow(dead_code)]
        pub fn check() -> ::core::result::Result<(), wire::CheckError> {
            wire::check::<dyn Counter>()
        }
    }
    impl Counter for wire::Remote<dyn Counter> {
        fn put(
            &self,
            key: String,
            value: i64,
            sum: Arc<dyn AddHelper>,
        ) -> BoxFuture<'_, Result<()>> {
            Box::pin(async move {
                let mut call = wire::Call::new(self, <dyn Counter>::PUT);
                if call.is_waiting() {
                    call.connect().await.map_err(wire::caught::<PutMethod>)?;
                }
                let sum = call.lend(sum);
                let args = PutArgs {
                    key,
                    value,
                    sum: sum.id(),
                };
                Ok(
                    call
                        .send::<PutMethod>(&args)
                        .await
                        .map_err(wire::caught::<PutMethod>)?,
                )
            })
        }
        fn get(&self, key: String) -> BoxFuture<'_, Result<i64>> {
            Box::pin(async move {
                let mut call = wire::Call::new(self, <dyn Counter>::GET);
                if call.is_waiting() {
                    call.connect().await.map_err(wire::caught::<GetMethod>)?;
                }
                Ok(
                    call
                        .send::<GetMethod>(&key)
                        .await
                        .map_err(wire::caught::<GetMethod>)?,
                )
            })
        }
        fn watch(&self, key: String) -> BoxFuture<'_, Result<Arc<dyn Subscription>>> {
            Box::pin(async move {
                let mut call = wire::Call::new(self, <dyn Counter>::WATCH);
                if call.is_waiting() {
                    call.connect().await.map_err(wire::caught::<WatchMethod>)?;
                }
                let reply = call
                    .send::<WatchMethod>(&key)
                    .await
                    .map_err(wire::caught::<WatchMethod>)?;
                Ok(
                    call
                        .dial::<Arc<dyn Subscription>>(reply)
                        .await
                        .map_err(wire::caught::<WatchMethod>)?,
                )
            })
        }
        fn doubled(&self, key: String) -> BoxFuture<'_, Result<i64>> {
            Box::pin(async move {
                let mut call = wire::Call::new(self, <dyn Counter>::DOUBLED);
                if call.is_waiting() {
                    call.connect().await.map_err(wire::caught::<DoubledMethod>)?;
                }
                Ok(
                    match call.send::<DoubledMethod>(&key).await {
                        Err(error) if call.is_unknown(&error) => {
                            return CounterDefaults::default_doubled(self, key).await;
                        }
                        reply => reply.map_err(wire::caught::<DoubledMethod>)?,
                    },
                )
            })
        }
        fn __the_attribute_plugwire_interface_is_missing(&self, _: &str) -> bool {
            false
        }
        fn __remote(&self) -> Option<&Self> {
            Some(self)
        }
    }
    impl wire::Interface for dyn Counter {
        fn service(self: Arc<Self>, broker: wire::MuxBroker) -> wire::Service {
            let mut methods = wire::Methods::new(
                self,
                broker,
                Counter::__the_attribute_plugwire_interface_is_missing,
            );
            methods
                .add::<
                    PutMethod,
                    _,
                    _,
                >(
                    "Put",
                    "put",
                    |object, broker, args| async move {
                        let sum = wire::dial::<Arc<dyn AddHelper>>(&broker, args.sum)
                            .await
                            .map_err(wire::caught::<PutMethod>)?;
                        object
                            .call(move |object| Counter::put(
                                object,
                                args.key,
                                args.value,
                                sum,
                            ))
                            .await
                    },
                );
            methods
                .add::<
                    GetMethod,
                    _,
                    _,
                >(
                    "Get",
                    "get",
                    |object, _, key| async move {
                        object.call(move |object| Counter::get(object, key)).await
                    },
                );
            methods
                .add::<
                    WatchMethod,
                    _,
                    _,
                >(
                    "Watch",
                    "watch",
                    |object, broker, key| async move {
                        object
                            .call(move |object| Counter::watch(object, key))
                            .await
                            .map(|reply| wire::lend(&broker, reply))
                    },
                );
            methods
                .add::<
                    DoubledMethod,
                    _,
                    _,
                >(
                    "Doubled",
                    "doubled",
                    |object, _, key| async move {
                        object.call(move |object| Counter::doubled(object, key)).await
                    },
                );
            methods.into_service()
        }
        fn check_types(check: &mut wire::TypeCheck) {
            #[allow(unused_imports)]
            use wire::{Learn as _, LearnBrokered as _, Skip as _};
            check
                .method("Counter", "put")
                .parameter("key", (&wire::TypeOf::<String>::NEW).learn())
                .parameter("value", (&wire::TypeOf::<i64>::NEW).learn())
                .parameter(
                    "sum",
                    (&wire::TypeOf::<Arc<dyn AddHelper>>::NEW).learn_brokered(),
                )
                .reply((&wire::TypeOf::<()>::NEW).learn());
            check
                .method("Counter", "get")
                .whole("key", (&wire::TypeOf::<String>::NEW).learn())
                .reply((&wire::TypeOf::<i64>::NEW).learn());
            check
                .method("Counter", "watch")
                .whole("key", (&wire::TypeOf::<String>::NEW).learn())
                .reply((&wire::TypeOf::<Arc<dyn Subscription>>::NEW).learn_brokered());
            check
                .method("Counter", "doubled")
                .whole("key", (&wire::TypeOf::<String>::NEW).learn())
                .reply((&wire::TypeOf::<i64>::NEW).learn());
        }
        fn from_remote(remote: wire::Remote<Self>) -> Arc<Self> {
            Arc::new(remote)
        }
        fn remote(&self) -> Option<&wire::Remote<Self>> {
            Counter::__remote(self)
        }
    }
};
