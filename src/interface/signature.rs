//! A method's types. The attribute's code names them once, in a [`Signature`] by the macro
//! `signature`, and everything else takes them from there.
//!
//! A type that cannot cross is one error of the compiler, where the type is written: the macro
//! checks each by [`check_value`] or [`check_error`]. All other code compiles whatever the type.
//! Where that needs what the type lacks, [`Types::pick`] gives a stand-in that is never run.

use std::fmt::Display;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Error;
use super::own_error::ErrorForm;
use super::remote::Call;
use crate::broker::MuxBroker;
use crate::rpc::Service;

/// The types of a method, and what is done with them.
#[doc(hidden)]
pub trait Signature: 'static {
    /// What is sent.
    type Args: Send + Sync + 'static;
    /// What the server answers.
    type Reply: Send + Sync + 'static;
    /// What the client reads of the answer.
    type Received: Send + 'static;
    /// What the method fails with.
    type Error: Send + 'static;

    /// How an error crosses.
    fn error_form() -> ErrorForm<Self::Error>;

    /// Notes how an error crosses, for streams whose items fail with it.
    fn note_error();

    /// Sends the argument and waits for the reply.
    fn send(
        call: &mut Call<'_>,
        args: &Self::Args,
    ) -> impl Future<Output = Result<Self::Received, Error>> + Send;

    /// Adds the method to a service.
    fn add<F, Fut, E>(service: Service, name: &str, method: F, around: MuxBroker) -> Service
    where
        F: Fn(Self::Args) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Self::Reply, E>> + Send + 'static,
        E: Display + 'static;
}

/// The type that stands for a method, and its [`Signature`]: the types of the argument, the reply,
/// what is read of the reply, and the error. Then each type of a value in them, to be checked.
#[doc(hidden)]
#[macro_export]
macro_rules! __signature {
    (
        $name:ident($args:ty) -> $reply:ty, $received:ty, $error:ty;
        $($value:ty),* $(,)?
    ) => {
        struct $name;

        impl $crate::interface::__private::Signature for $name {
            type Args = $args;
            type Reply = $reply;
            type Received = $received;
            type Error = $error;

            fn error_form() -> $crate::interface::__private::ErrorForm<$error> {
                $crate::__error_form!($error)
            }

            fn note_error() {
                static NOTED: ::std::sync::Once = ::std::sync::Once::new();
                NOTED.call_once(|| {
                    $crate::interface::__private::note_form::<$error>(Self::error_form());
                });
            }

            fn send(
                call: &mut $crate::interface::__private::Call<'_>,
                args: &$args,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<$received, $crate::interface::Error>,
            > + ::core::marker::Send {
                $crate::__pick!($args, $reply, $received).send(call, args)
            }

            fn add<F, Fut, E>(
                service: $crate::interface::__private::Service,
                name: &str,
                method: F,
                around: $crate::interface::__private::MuxBroker,
            ) -> $crate::interface::__private::Service
            where
                F: ::core::ops::Fn($args) -> Fut
                    + ::core::marker::Send
                    + ::core::marker::Sync
                    + 'static,
                Fut: ::core::future::Future<Output = ::core::result::Result<$reply, E>>
                    + ::core::marker::Send
                    + 'static,
                E: ::core::fmt::Display + 'static,
            {
                $crate::__pick!($args, $reply, $received).add(service, name, method, around)
            }
        }

        const _: fn() = || {
            $($crate::interface::__private::check_value::<$value, _>();)*
            $crate::interface::__private::check_error::<$error, _>();
        };
    };
}

#[doc(hidden)]
pub use __signature as signature;

#[doc(hidden)]
#[macro_export]
macro_rules! __pick {
    ($($types:ty),*) => {{
        use $crate::interface::__private::{Crossing as _, NotCrossing as _};
        (&&$crate::interface::__private::Types::<$($types),*>::new()).pick()
    }};
}

/// What a method returns: any `Result`, whatever its alias is called.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a method cannot return `{Self}`: a call can always fail",
    label = "this is no `Result`",
    note = "return `plugwire::Result<T>`, or a `Result<T, E>` whose `E` is made from \
            `plugwire::Error`"
)]
pub trait Outcome {
    type Ok;
    type Error;
}

impl<T, E> Outcome for Result<T, E> {
    type Ok = T;
    type Error = E;
}

/// Of the two implementations of a check the second never applies. With a single one, the compiler
/// would report what that asks for, trait by trait; with two, it reports the check.
#[doc(hidden)]
#[derive(Debug)]
pub struct Applies;

#[doc(hidden)]
#[derive(Debug)]
pub struct NeverApplies;

/// A trait that no type implements.
#[doc(hidden)]
pub trait Unimplemented {}

/// A type of which values cross.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross to another process",
    label = "serde has to write and read this type",
    note = "derive both for it, or for the type in it: `#[derive(serde::Serialize, serde::Deserialize)]`"
)]
pub trait Value<Which> {}

impl<T: Serialize + DeserializeOwned> Value<Applies> for T {}

impl<T: Unimplemented> Value<NeverApplies> for T {}

/// A type of a method's error.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a method",
    label = "this has to implement `Display` and `From<plugwire::Error>`",
    note = "a call can fail with a `plugwire::Error`, for which thiserror has `#[from]`: \
            `#[error(transparent)] Call(#[from] plugwire::Error)`"
)]
pub trait OwnError<Which> {}

impl<E: Display + From<Error>> OwnError<Applies> for E {}

impl<E: Unimplemented> OwnError<NeverApplies> for E {}

#[doc(hidden)]
pub fn check_value<T: Value<Which>, Which>() {}

#[doc(hidden)]
pub fn check_error<E: OwnError<Which>, Which>() {}

/// The types of an argument, a reply, and of what is read of the reply.
#[doc(hidden)]
#[derive(Debug)]
pub struct Types<A, R, Q>(Marker<A, R, Q>);

type Marker<A, R, Q> = PhantomData<fn() -> (A, R, Q)>;

/// The same, of types that cross.
#[doc(hidden)]
#[derive(Debug)]
pub struct Known<A, R, Q>(Marker<A, R, Q>);

/// The same, of which one does not cross.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unknown<A, R, Q>(Marker<A, R, Q>);

impl<A, R, Q> Types<A, R, Q> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new() -> Self {
        Types(PhantomData)
    }
}

impl<A, R, Q> Default for Types<A, R, Q> {
    fn default() -> Self {
        Types::new()
    }
}

/// What the compiler takes first, where its conditions hold.
#[doc(hidden)]
pub trait Crossing<A, R, Q> {
    fn pick(&self) -> Known<A, R, Q>;
}

impl<A, R, Q> Crossing<A, R, Q> for &Types<A, R, Q>
where
    A: Serialize + DeserializeOwned,
    R: Serialize + DeserializeOwned,
    Q: DeserializeOwned,
{
    fn pick(&self) -> Known<A, R, Q> {
        Known(PhantomData)
    }
}

/// What it takes otherwise.
#[doc(hidden)]
pub trait NotCrossing<A, R, Q> {
    fn pick(&self) -> Unknown<A, R, Q>;
}

impl<A, R, Q> NotCrossing<A, R, Q> for Types<A, R, Q> {
    fn pick(&self) -> Unknown<A, R, Q> {
        Unknown(PhantomData)
    }
}

impl<A, R, Q> Known<A, R, Q>
where
    A: Serialize + DeserializeOwned + Send + Sync + 'static,
    R: Serialize + DeserializeOwned + Send + Sync + 'static,
    Q: DeserializeOwned + Send + 'static,
{
    #[doc(hidden)]
    pub fn send(
        self,
        call: &mut Call<'_>,
        args: &A,
    ) -> impl Future<Output = Result<Q, Error>> + Send {
        call.exchange(args)
    }

    #[doc(hidden)]
    #[must_use]
    pub fn add<F, Fut, E>(
        self,
        service: Service,
        name: &str,
        method: F,
        around: MuxBroker,
    ) -> Service
    where
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        E: Display + 'static,
    {
        service.method_in(name, method, around)
    }
}

impl<A: Sync, R, Q: Send> Unknown<A, R, Q> {
    #[doc(hidden)]
    pub fn send(self, _: &mut Call<'_>, _: &A) -> impl Future<Output = Result<Q, Error>> + Send {
        std::future::pending()
    }

    #[doc(hidden)]
    #[must_use]
    pub fn add<F>(self, service: Service, _: &str, _: F, _: MuxBroker) -> Service {
        service
    }
}
