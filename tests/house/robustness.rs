//! The tests that `docs/robustness.md` names are there, and every attack is on the page.

use std::collections::HashSet;
use std::path::Path;

/// The rows of the page's tables, by their columns. The lines above the data are left out.
fn rows(page: &str) -> Vec<Vec<&str>> {
    page.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .map(|line| {
            line.trim_matches('|')
                .split(" | ")
                .map(str::trim)
                .collect::<Vec<_>>()
        })
        .filter(|row| row.last() != Some(&"held by"))
        .collect()
}

/// The functions below `#[test]` and the like in a source.
fn tests(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if marked
            && let Some((_, function)) = line.split_once("fn ")
            && !line.starts_with("//")
        {
            found.extend(function.split(['(', '<']).next());
            marked = false;
        }
    }
    found
}

#[test]
fn every_row_has_a_bound_a_figure_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/robustness.md")).unwrap();
    let rows = rows(&page);
    assert!(rows.len() > 30, "{}", rows.len());
    for row in &rows {
        assert_eq!(row.len(), 5, "five columns: {row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "empty: {row:?}");
        let mut named = 0;
        for name in row[4].split('`').skip(1).step_by(2) {
            let (path, test) = name
                .split_once("::")
                .unwrap_or_else(|| panic!("PATH::TEST: {name}"));
            let source = std::fs::read_to_string(root.join(path))
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            let pattern = format!("fn {test}(");
            assert!(source.contains(&pattern), "{path} has no test {test}");
            named += 1;
        }
        assert!(named > 0, "no test: {row:?}");
    }
}

#[test]
fn every_attack_is_on_the_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/robustness.md")).unwrap();
    let named: HashSet<&str> = rows(&page)
        .iter()
        .flat_map(|row| row.last().unwrap().split('`').skip(1).step_by(2))
        .filter_map(|name| name.rsplit("::").next())
        .collect();
    let attacks = root.join("tests/attacks/tests/attacks");
    let mut missing = Vec::new();
    for entry in attacks.read_dir().unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let unnamed = tests(&source)
            .into_iter()
            .filter(|test| !named.contains(test));
        missing.extend(unnamed.map(str::to_owned));
    }
    assert!(missing.is_empty(), "not in docs/robustness.md: {missing:?}");
}
