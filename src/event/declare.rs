//! The macro by which events are declared: once, with all that is derived from the declaration.

/// Declares events. Of each it makes the struct, a method of [`Subscriber`](super::Subscriber), an
/// event of `tracing`, its metrics, and its part of [`CATALOG`](super::CATALOG).
macro_rules! events {
    ($(
        $(#[doc = $doc:literal])+
        $level:ident $target:literal
        $Event:ident $(<$life:lifetime>)? as $on:ident {
            $(
                $(#[doc = $field_doc:literal])+
                $field:ident: $type:ty,
            )*
        }
        metrics {
            $(
                $kind:ident $metric:literal $unit:ident [$($label:ident)*] = $value:tt
                $about:literal;
            )*
        }
    )*) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug)]
            #[non_exhaustive]
            pub struct $Event $(<$life>)? {
                $(
                    $(#[doc = $field_doc])+
                    pub $field: $type,
                )*
            }

            impl $(<$life>)? Event for $Event $(<$life>)? {
                fn tell(&self, meta: &Meta<'_>, subscriber: &dyn Subscriber) {
                    subscriber.$on(meta, self);
                }

                fn trace(&self, meta: &Meta<'_>) {
                    tracing::event!(
                        target: $target,
                        tracing::Level::$level,
                        plugin = meta.plugin,
                        side = meta.side.as_str(),
                        $($field = self.$field.shown(),)*
                        "{}",
                        said(concat!($($doc),+)),
                    );
                }

                #[cfg(feature = "metrics")]
                fn measure(&self, meta: &Meta<'_>, bounds: &Bounds) {
                    let _ = (meta, bounds);
                    $(
                        let mut labels = bounds.of(meta);
                        labels.extend([$(
                            ::metrics::Label::new(
                                stringify!($label),
                                self.$label.label(stringify!($label), bounds),
                            ),
                        )*]);
                        measured!($kind $metric, labels, self, $value);
                    )*
                }
            }
        )*

        /// Learns of everything that is on the list of events.
        ///
        /// Each method does nothing unless it is implemented. They are called where the event
        /// happens, at times on a thread of the crate's own, so they should not block. One that
        /// panics is not called any more.
        ///
        /// ```
        /// use std::sync::atomic::{AtomicU64, Ordering};
        /// use plugwire::connection::ConnectionConfig;
        /// use plugwire::event::{CallEnded, Meta, Outcome, Subscriber};
        ///
        /// /// Counts the calls that failed.
        /// #[derive(Debug, Default)]
        /// struct Failures(AtomicU64);
        ///
        /// impl Subscriber for Failures {
        ///     fn on_call_ended(&self, _: &Meta<'_>, call: &CallEnded<'_>) {
        ///         if call.outcome != Outcome::Answered {
        ///             self.0.fetch_add(1, Ordering::Relaxed);
        ///         }
        ///     }
        /// }
        ///
        /// let config = ConnectionConfig::default().subscriber(Failures::default());
        /// ```
        pub trait Subscriber: std::fmt::Debug + Send + Sync + 'static {
            $(
                $(#[doc = $doc])+
                fn $on $(<$life>)? (&self, meta: &Meta<'_>, event: &$Event $(<$life>)?) {
                    let _ = (meta, event);
                }
            )*
        }

        /// One subscriber for several owners.
        impl<S: Subscriber + ?Sized> Subscriber for std::sync::Arc<S> {
            $(
                fn $on $(<$life>)? (&self, meta: &Meta<'_>, event: &$Event $(<$life>)?) {
                    (**self).$on(meta, event);
                }
            )*
        }

        #[cfg(feature = "metrics")]
        impl Subscriber for super::MetricsSubscriber {
            $(
                fn $on $(<$life>)? (&self, meta: &Meta<'_>, event: &$Event $(<$life>)?) {
                    event.measure(meta, self.bounds());
                }
            )*
        }

        /// Every event, in the order of the list: for documents and dashboards.
        pub const CATALOG: &[Entry] = &[$(
            Entry {
                event: stringify!($Event),
                level: stringify!($level),
                target: $target,
                about: concat!($($doc),+),
                fields: &[$((stringify!($field), concat!($($field_doc),+)),)*],
                metrics: &[$(
                    MetricEntry {
                        kind: stringify!($kind),
                        name: $metric,
                        labels: &["plugin", "side", $(stringify!($label),)*],
                        about: $about,
                    },
                )*],
            },
        )*];

        /// Says what each metric is, to the recorder that is installed.
        #[cfg(feature = "metrics")]
        pub(super) fn describe() {
            $($(
                described!($kind $metric, ::metrics::Unit::$unit, $about);
            )*)*
        }
    };
}

/// One metric of one event.
#[cfg(feature = "metrics")]
macro_rules! measured {
    (counter $metric:literal, $labels:ident, $event:ident, 1) => {
        ::metrics::counter!($metric, $labels).increment(1)
    };
    (counter $metric:literal, $labels:ident, $event:ident, $field:ident) => {
        ::metrics::counter!($metric, $labels).increment($event.$field)
    };
    (gauge $metric:literal, $labels:ident, $event:ident, 1) => {
        ::metrics::gauge!($metric, $labels).increment(1.0)
    };
    (gauge $metric:literal, $labels:ident, $event:ident, (-1)) => {
        ::metrics::gauge!($metric, $labels).decrement(1.0)
    };
    (histogram $metric:literal, $labels:ident, $event:ident, $field:ident) => {
        ::metrics::histogram!($metric, $labels).record($event.$field)
    };
}

#[cfg(feature = "metrics")]
macro_rules! described {
    (counter $metric:literal, $unit:expr, $about:literal) => {
        ::metrics::describe_counter!($metric, $unit, $about)
    };
    (gauge $metric:literal, $unit:expr, $about:literal) => {
        ::metrics::describe_gauge!($metric, $unit, $about)
    };
    (histogram $metric:literal, $unit:expr, $about:literal) => {
        ::metrics::describe_histogram!($metric, $unit, $about)
    };
}

#[cfg(feature = "metrics")]
pub(super) use described;
pub(super) use events;
#[cfg(feature = "metrics")]
pub(super) use measured;
