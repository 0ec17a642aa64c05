use std::io;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use super::*;
use crate::hclog::{LogLevel, LogParser};

/// A place to write to that keeps each write apart.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<String>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.0.lock().unwrap().push(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `f` makes the layer write, each as an object without its timestamp.
fn logged_with(
    change: impl FnOnce(HclogLayer) -> HclogLayer,
    f: impl FnOnce(),
) -> Vec<Map<String, Value>> {
    let written = Written::default();
    let writer = written.clone();
    let layer = change(HclogLayer::new()).writer(move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), f);
    let lines = written.0.lock().unwrap();
    lines
        .iter()
        .map(|line| {
            assert!(line.ends_with("}\n"), "one write a line: {line:?}");
            let mut object: Map<String, Value> = serde_json::from_str(line).unwrap();
            let stamp = object.remove("@timestamp").unwrap();
            let stamp = stamp.as_str().unwrap();
            assert_eq!(stamp.len(), "2006-01-02T15:04:05.000000Z".len());
            assert!(timestamp::parse(stamp).is_some(), "{stamp}");
            object
        })
        .collect()
}

fn logged(f: impl FnOnce()) -> Vec<Value> {
    let objects = logged_with(|layer| layer.module("kit"), f);
    objects.into_iter().map(Value::Object).collect()
}

#[test]
fn an_event_is_a_line() {
    let lines = logged(|| tracing::info!(answer = 42, "said the {}", "plugin"));
    assert_eq!(
        lines,
        [json!({"@level": "info", "@message": "said the plugin", "@module": "kit", "answer": 42})]
    );
}

#[test]
fn the_keys_are_in_hclogs_order() {
    let written = Written::default();
    let writer = written.clone();
    let layer = HclogLayer::new().writer(move || writer.clone());
    tracing::subscriber::with_default(
        tracing_subscriber::registry().with(layer),
        || tracing::info!(target: "kit", zebra = true, answer = 42, "hello"),
    );
    let line = written.0.lock().unwrap().concat();
    let (start, rest) = line.split_once(r#""@timestamp":""#).unwrap();
    assert_eq!(
        start,
        r#"{"@level":"info","@message":"hello","@module":"kit","#
    );
    let (_, end) = rest.split_once('"').unwrap();
    assert_eq!(end, ",\"answer\":42,\"zebra\":true}\n");
}

#[test]
fn every_level_has_hclogs_name() {
    let lines = logged(|| {
        tracing::trace!("m");
        tracing::debug!("m");
        tracing::info!("m");
        tracing::warn!("m");
        tracing::error!("m");
    });
    let levels: Vec<_> = lines.iter().map(|line| &line["@level"]).collect();
    assert_eq!(levels, ["trace", "debug", "info", "warn", "error"]);
}

#[test]
fn the_target_is_the_module_unless_one_is_fixed() {
    let events = || tracing::info!(target: "kit.db", "m");
    let lines = logged_with(|layer| layer, events);
    assert_eq!(lines[0]["@module"], "kit.db");
    let lines = logged_with(|layer| layer.module("fixed"), events);
    assert_eq!(lines[0]["@module"], "fixed");
}

#[test]
fn the_place_in_the_source_is_the_caller() {
    let event = || tracing::info!("m");
    assert_eq!(logged_with(|layer| layer, event)[0].get("@caller"), None);
    let lines = logged_with(|layer| layer.include_location(true), event);
    let caller = lines[0]["@caller"].as_str().unwrap();
    let (file, line) = caller.rsplit_once(':').unwrap();
    assert!(file.ends_with("tests.rs"), "{caller}");
    line.parse::<u32>().unwrap();
}

#[test]
fn values_keep_their_types() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot save")]
    struct Save(#[source] io::Error);
    #[derive(Debug, thiserror::Error)]
    #[error("cannot load: {0}")]
    struct Load(#[source] io::Error);

    let full = || io::Error::other("disk full");
    let (save, load) = (Save(full()), Load(full()));
    let lines = logged(|| {
        tracing::info!(
            text = "a \"b\"",
            ok = true,
            low = i64::MIN,
            high = u64::MAX,
            wide = i128::from(7_u8),
            wider = u128::MAX,
            ratio = 0.5,
            whole = 2.0,
            nan = f64::NAN,
            debug = ?[1, 2],
            display = %"shown",
            some = Some(1),
            none = None::<u8>,
            save = &save as &dyn std::error::Error,
            load = &load as &dyn std::error::Error,
            r#type = "raw",
            dotted.name = 1,
        );
    });
    assert_eq!(
        lines,
        [json!({
            "@level": "info", "@message": "", "@module": "kit",
            "text": "a \"b\"",
            "ok": true,
            "low": i64::MIN,
            "high": u64::MAX,
            "wide": 7,
            "wider": u128::MAX.to_string(),
            "ratio": 0.5,
            "whole": 2,
            "nan": "NaN",
            "debug": "[1, 2]",
            "display": "shown",
            "some": 1,
            "save": "cannot save: disk full",
            "load": "cannot load: disk full",
            "type": "raw",
            "dotted.name": 1,
        })]
    );
}

#[test]
fn spans_give_their_names_and_fields() {
    let lines = logged(|| {
        let outer = tracing::info_span!(
            "serve",
            host = "h",
            level = 1,
            later = tracing::field::Empty
        );
        let _outer = outer.enter();
        tracing::info!("one");
        let inner = tracing::info_span!("request", id = 7, level = 2);
        inner.in_scope(|| {
            tracing::info!("two");
            tracing::info!(level = 3, "three");
        });
        outer.record("later", "now");
        tracing::info!(parent: &inner, "four");
        tracing::info!(parent: None, "five");
    });
    let line = |message: &str, pairs: Value| {
        let mut line = json!({"@level": "info", "@message": message, "@module": "kit"});
        let Value::Object(pairs) = pairs else {
            panic!("{pairs}")
        };
        line.as_object_mut().unwrap().extend(pairs);
        line
    };
    let both = ["serve", "request"];
    assert_eq!(
        lines,
        [
            line("one", json!({"spans": ["serve"], "host": "h", "level": 1})),
            line(
                "two",
                json!({"spans": both, "host": "h", "level": 2, "id": 7})
            ),
            line(
                "three",
                json!({"spans": both, "host": "h", "level": 3, "id": 7})
            ),
            line(
                "four",
                json!({"spans": both, "host": "h", "level": 2, "id": 7, "later": "now"})
            ),
            line("five", json!({})),
        ]
    );
}

#[test]
fn a_field_cannot_take_the_place_of_hclogs_own() {
    let lines = logged(|| tracing::info!("@level" = "off", "@module" = "x", "m"));
    assert_eq!(
        lines,
        [json!({"@level": "info", "@message": "m", "@module": "kit"})]
    );
}

#[test]
fn records_of_the_log_crate_name_their_own_place() {
    // As `tracing-log` passes them on.
    let lines = logged_with(
        |layer| layer.include_location(true),
        || {
            tracing::info!(
                target: "log",
                message = "m",
                log.target = "yamux",
                log.module_path = "yamux::connection",
                log.file = "src/connection.rs",
                log.line = 7_u32,
            );
        },
    );
    assert_eq!(
        Value::Object(lines[0].clone()),
        json!({
            "@level": "info", "@message": "m", "@module": "yamux",
            "@caller": "src/connection.rs:7",
        })
    );
}

#[test]
fn what_is_filtered_is_not_written() {
    let written = Written::default();
    let writer = written.clone();
    let layer = HclogLayer::new().writer(move || writer.clone());
    let filtered = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::WARN));
    tracing::subscriber::with_default(filtered, || {
        // The layer is not called for this span, and must not need it.
        let _span = tracing::info_span!("hidden", id = 1).entered();
        tracing::info!("no");
        tracing::warn!("yes");
    });
    let lines = written.0.lock().unwrap();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(r#""@message":"yes""#) && !lines[0].contains("hidden"));
}

#[test]
fn showing_a_value_may_make_events() {
    struct Chatty;
    impl fmt::Debug for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::debug!("being shown");
            f.write_str("chatty")
        }
    }
    let lines = logged(|| {
        let span = tracing::info_span!("s", value = ?Chatty, again = tracing::field::Empty);
        span.in_scope(|| {
            span.record("again", tracing::field::debug(Chatty));
            tracing::info!(value = ?Chatty, "outer");
        });
    });
    assert_eq!(lines.last().unwrap()["value"], "chatty");
    assert_eq!(lines.last().unwrap()["again"], "chatty");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_host_reads_what_was_written(message: String, text: String, number: i64, float: f64) {
        let written = Written::default();
        let writer = written.clone();
        let layer = HclogLayer::new().writer(move || writer.clone());
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(layer),
            || tracing::error!(target: "kit", text, number, float, "{message}"),
        );
        let line = written.0.lock().unwrap().concat();
        let line = line.strip_suffix('\n').unwrap();
        prop_assert!(!line.contains('\n'));
        let record = LogParser::new().parse(line.as_bytes(), false);
        prop_assert_eq!(record.level, LogLevel::Error);
        prop_assert_eq!(record.message, message);
        prop_assert_eq!(record.module.as_deref(), Some("kit"));
        prop_assert!(record.time.is_some());
        prop_assert_eq!(&record.fields["text"], &text);
        prop_assert_eq!(&record.fields["number"], number);
        if float.is_finite() {
            prop_assert_eq!(record.fields["float"].as_f64(), Some(float));
        }
    }
}
