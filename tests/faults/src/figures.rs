//! What this process holds.

use std::collections::HashMap;

/// What may not grow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Resident, in KiB.
    pub memory: usize,
    pub descriptors: usize,
    pub threads: usize,
    /// Of the runtime that asks.
    pub tasks: usize,
}

impl Figures {
    /// Those of this process now.
    #[must_use]
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let handle = tokio::runtime::Handle::try_current().ok();
        Self {
            memory: field("VmRSS:"),
            descriptors: std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            threads: field("Threads:"),
            tasks: handle.map_or(0, |handle| handle.metrics().num_alive_tasks()),
        }
    }
}

/// The children of this process, zombies too, with their states.
#[must_use]
pub fn children() -> HashMap<u32, char> {
    let own = std::process::id().to_string();
    let mut children = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let (state, parent) = (fields.next(), fields.next());
        if parent == Some(&own) {
            let state = state.and_then(|state| state.chars().next());
            children.insert(pid, state.unwrap_or('?'));
        }
    }
    children
}
