//! Events as metrics, by the facade `metrics`.

use super::labels::Bounds;
use super::list::describe;

/// Counts and measures all events, by the facade [`metrics`](::metrics): whichever recorder the
/// program has installed gets them. [`CATALOG`](super::CATALOG) and `docs/observability.md` list
/// them.
///
/// Each has the labels `plugin`, the [instance name](crate::host::ClientConfig::name), and `side`.
/// A label has at most 256 values, `method` and `plugin` among them. Beyond that, all others count
/// as `other`, so that no peer makes a program's metrics grow without bound.
///
/// ```
/// use plugwire::connection::ConnectionConfig;
/// use plugwire::event::MetricsSubscriber;
///
/// // After a recorder was installed, such as that of `metrics-exporter-prometheus`.
/// let config = ConnectionConfig::default().subscriber(MetricsSubscriber::new());
/// ```
#[derive(Debug)]
pub struct MetricsSubscriber {
    bounds: Bounds,
}

impl MetricsSubscriber {
    /// A subscriber that records into the program's recorder. It says to it what each metric is, so
    /// the recorder should be installed before.
    ///
    /// For several plugins use an `Arc` of one: it shares the bounds of the labels.
    #[must_use]
    pub fn new() -> Self {
        describe();
        MetricsSubscriber {
            bounds: Bounds::default(),
        }
    }

    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }
}

impl Default for MetricsSubscriber {
    fn default() -> Self {
        Self::new()
    }
}
