//! A plugin's connection that prints no output.

use futures::future::BoxFuture;
use plugwire::connection::ServeHooks;
use plugwire::mux::Stream;

pub struct Silent;

impl ServeHooks for Silent {
    fn stdio(&self, _: Stream, _: Stream) {}

    fn quit(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
