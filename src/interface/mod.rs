//! Plugins as traits: what [`#[plugwire::interface]`](macro@crate::interface) is made of.
//!
//! The attribute makes a trait an [`Interface`]: callable through a [`Remote`], and served as a
//! [`Service`]. Its methods take and return any serde types. A whole parameter or result may also
//! be
//! [`Brokered`]: another interface as `Arc<dyn Trait>`, a [`Reader`], a [`Writer`] or a
//! [`Stream`].

mod around;
mod awaited;
mod brokered;
mod check;
mod error;
mod items;
mod leaf;
mod lease;
mod map;
pub mod nested;
mod object;
mod own_error;
mod plain;
mod raw;
mod remote;
mod reply;
mod scope;
mod served;
mod shape;
mod shelf;
mod signature;
mod stream;
pub(crate) mod supervised;

use std::pin::Pin;
use std::sync::Arc;

pub use brokered::{Brokered, dial, lend};
pub use check::{CheckError, Problem, check};
pub use error::{Error, Result};
pub use items::{IntoItem, ItemError, SendError, Stream, StreamSender};
pub use raw::BrokeredStream;
pub use remote::{Method, Remote};
pub use stream::{Reader, Writer};

use crate::broker::MuxBroker;
use crate::rpc::Service;

/// What a method of an interface returns: the attribute turns `async fn` into a function that
/// returns this, so that `dyn Trait` is possible.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A trait whose implementations cross the wire: `dyn Counter`, where `Counter` has the attribute
/// [`#[plugwire::interface]`](macro@crate::interface).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an interface",
    note = "mark its trait with `#[plugwire::interface]`; the interface is then `dyn Trait`"
)]
pub trait Interface: Send + Sync + 'static {
    /// The name of the service that its methods belong to.
    const SERVICE: &'static str = "Plugin";

    /// The implementation's methods as a service. `broker` is that of the connection through which
    /// they are called.
    fn service(self: Arc<Self>, broker: MuxBroker) -> Service;

    /// The types of its methods, for [`check`].
    #[doc(hidden)]
    fn check_types(_: &mut check::TypeCheck) {}

    /// The remote implementation behind `remote`.
    fn from_remote(remote: Remote<Self>) -> Arc<Self>;

    /// The remote that this is, if it is one: see [`Remote::of`].
    fn remote(&self) -> Option<&Remote<Self>> {
        None
    }
}

/// What the attribute's code uses besides the public items.
#[doc(hidden)]
pub mod __private {
    pub use serde;

    pub use super::brokered::lend_in_reply as lend;
    pub use super::check::{
        CheckError, Learn, LearnBrokered, Learned, MethodCheck, Skip, TypeCheck, TypeOf, check,
    };
    pub use super::lease::Loan;
    pub use super::map::{ArgMap, InterfaceValue, put, take, take_in};
    pub use super::own_error::{
        CausesAlone, ErrorForm, NoError, Probe, TextAlone, ValueAlone, ValueAndCauses, caught,
        note_form,
    };
    pub use super::remote::Call;
    pub use super::served::{Methods, Object, flush};
    pub use super::shape::{
        As, BoxOf, Id, ListOf, MapOf, MaybeId, OptionOf, ResultOf, Same, Shape, Shaped, TupleOf,
    };
    pub use super::signature::{
        Crossing, NotCrossing, Outcome, OwnError, Signature, Types, Value, check_error,
        check_value, signature,
    };
    pub use super::{Interface, Method, Remote, dial};
    pub use crate::broker::MuxBroker;
    pub use crate::gob::Optional;
    pub use crate::rpc::{Empty, Service};
}
