//! Labels of metrics, which no peer can make without bound.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::SharedString;

use super::meta::{Direction, Meta, Outcome};
use crate::tuning::event::LABELS;

/// What stands for all values beyond the bound.
const OTHER: &str = "other";

/// The values that each label has had. A label has a bounded number of them: beyond it, all others
/// are `other`.
#[derive(Debug, Default)]
pub(crate) struct Bounds(Mutex<HashMap<&'static str, HashSet<Arc<str>>>>);

impl Bounds {
    /// The value of a label, or `other`.
    fn bounded(&self, label: &'static str, value: &str) -> SharedString {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(label).or_default();
        if let Some(value) = known.get(value) {
            return SharedString::from_shared(Arc::clone(value));
        }
        if known.len() >= LABELS {
            return SharedString::const_str(OTHER);
        }
        let value: Arc<str> = value.into();
        known.insert(Arc::clone(&value));
        SharedString::from_shared(value)
    }

    /// The labels that each metric has.
    pub(super) fn of(&self, meta: &Meta<'_>) -> Vec<metrics::Label> {
        vec![
            metrics::Label::new("plugin", self.bounded("plugin", meta.plugin)),
            metrics::Label::from_static_parts("side", meta.side.as_str()),
        ]
    }
}

/// A field that is a label.
pub(super) trait Label {
    fn label(&self, label: &'static str, bounds: &Bounds) -> SharedString;
}

impl Label for &str {
    fn label(&self, label: &'static str, bounds: &Bounds) -> SharedString {
        bounds.bounded(label, self)
    }
}

impl Label for Direction {
    fn label(&self, _: &'static str, _: &Bounds) -> SharedString {
        SharedString::const_str(self.as_str())
    }
}

impl Label for Outcome {
    fn label(&self, _: &'static str, _: &Bounds) -> SharedString {
        SharedString::const_str(self.as_str())
    }
}

impl Label for bool {
    fn label(&self, _: &'static str, _: &Bounds) -> SharedString {
        SharedString::const_str(if *self { "true" } else { "false" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_a_bounded_number_of_values() {
        let bounds = Bounds::default();
        for number in 0..LABELS {
            let name = format!("Plugin.Method{number}");
            assert_eq!(&*bounds.bounded("method", &name), name);
        }
        for number in LABELS..LABELS + 10_000 {
            let name = format!("Plugin.Method{number}");
            assert_eq!(&*bounds.bounded("method", &name), OTHER);
        }
        // Those that were there before go on, and so do other labels.
        assert_eq!(
            &*bounds.bounded("method", "Plugin.Method0"),
            "Plugin.Method0"
        );
        assert_eq!(&*bounds.bounded("limit", "max_calls"), "max_calls");
    }
}
