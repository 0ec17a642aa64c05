//! Interfaces that cross the wire.

use std::sync::Arc;

use super::brokered::{Brokered, sealed};
use super::check::TypeCheck;
use super::lease::Offer;
use super::{Interface, Remote};
use crate::broker::{DialError, MuxBroker};
use crate::mux::Stream;
use crate::rpc::Server;

impl<I: Interface + ?Sized> sealed::Sealed for Arc<I> {}

impl<I: Interface + ?Sized> Brokered for Arc<I> {
    const STREAM: bool = false;

    fn check_types(check: &mut TypeCheck) {
        check.interface::<I>();
    }

    async fn serve(self, stream: Stream, broker: MuxBroker, _: &mut Offer) {
        let server = Server::new().register(I::SERVICE, self.service(broker.clone()));
        broker.serve(stream, server).await;
    }

    async fn connect(broker: &MuxBroker, id: u32) -> Result<Self, DialError> {
        let client = broker.dial_client(id).await?;
        Ok(I::from_remote(Remote::new(client, broker.clone())))
    }
}
