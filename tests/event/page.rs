//! `docs/observability.md` has the list of events as a table.

use std::fmt::Write as _;
use std::path::Path;

use plugwire::event::CATALOG;

/// When this is set, the table is written anew.
const UPDATE: &str = "PLUGWIRE_UPDATE_DOCS";

/// The lines around the table.
const BEGIN: &str = "<!-- The list of events, from src/event/list.rs: -->\n";
const END: &str = "<!-- End of the list. -->\n";

fn table() -> String {
    let mut text = String::new();
    for entry in CATALOG {
        let (event, about) = (entry.event, entry.about.trim());
        let (level, target) = (entry.level.to_lowercase(), entry.target);
        let _ = write!(text, "\n### {event}\n\n{about} (`{target}`, {level})\n");
        if !entry.fields.is_empty() {
            text.push_str("\n| field | is |\n| --- | --- |\n");
        }
        for (field, about) in entry.fields {
            let _ = writeln!(text, "| `{field}` | {} |", about.trim());
        }
        if !entry.metrics.is_empty() {
            text.push_str("\n| metric | kind | labels | counts |\n| --- | --- | --- | --- |\n");
        }
        for metric in entry.metrics {
            let labels: Vec<_> = metric
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect();
            let (name, kind, about) = (metric.name, metric.kind, metric.about);
            let _ = writeln!(
                text,
                "| `{name}` | {kind} | {} | {about} |",
                labels.join(", ")
            );
        }
    }
    text.push('\n');
    text
}

#[test]
fn the_page_has_the_list_of_events() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/observability.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&page, [before, BEGIN, &table, END, after].concat()).unwrap();
    } else {
        let hint = "docs/observability.md is not the list of events: write it anew by running";
        assert!(shown == table, "{hint} this test with {UPDATE}=1");
    }
}
