//! Spans across processes.

use std::fmt;

use tracing::Span;

/// Connects the spans of a host and a plugin, by W3C's `traceparent` that travels with each call
/// between peers of this crate: see
/// [`CallContext::traceparent`](crate::CallContext::traceparent).
///
/// Only the program's tracing library knows which `traceparent` a span has. With
/// `tracing-opentelemetry` it is this:
///
/// ```
/// use plugwire::connection::ConnectionConfig;
/// use plugwire::event::Propagator;
/// use tracing::Span;
///
/// #[derive(Debug)]
/// struct OpenTelemetry;
///
/// impl Propagator for OpenTelemetry {
///     fn inject(&self, span: &Span) -> Option<String> {
///         // let context = span.context().span().span_context().clone();
///         // context.is_valid().then(|| format!(
///         //     "00-{}-{}-{:02x}",
///         //     context.trace_id(), context.span_id(), context.trace_flags().to_u8(),
///         // ))
///         # let id = span.id()?.into_u64();
///         # Some(format!("00-0af7651916cd43dd8448eb211c80319c-{id:016x}-01"))
///     }
///
///     fn extract(&self, span: &Span, traceparent: &str) {
///         // let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
///         // span.set_parent(TraceContextPropagator::new().extract(&carrier));
///         # let _ = (span, traceparent);
///     }
/// }
///
/// let config = ConnectionConfig::default().propagator(OpenTelemetry);
/// ```
pub trait Propagator: fmt::Debug + Send + Sync + 'static {
    /// The `traceparent` for a call that is made, of the call's own span: up to 256 visible ASCII
    /// characters. `None` leaves that of the [context](crate::CallContext).
    fn inject(&self, span: &Span) -> Option<String>;

    /// The span of a call that is served belongs to the caller's trace. The text is the peer's.
    fn extract(&self, span: &Span, traceparent: &str);
}
