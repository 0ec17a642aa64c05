//! Documents that name files name files that exist.

use std::path::Path;

/// What is in backquotes and looks like a path into the tree.
fn paths(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let roots = [
        ".ci/", "benches/", "crates/", "deploy/", "docs/", "fuzz/", "src/", "tests/",
    ];
    quoted
        .filter(|path| roots.iter().any(|root| path.starts_with(root)))
        .filter(|path| !path.contains([' ', '*', '<', '…']) && !path.contains("ROOM"))
        .map(|path| path.split("::").next().unwrap_or(path))
        .collect()
}

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn files_that_documents_name_exist() {
    for document in [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "README.md",
        "fuzz/README.md",
    ] {
        let text = std::fs::read_to_string(Path::new(ROOT).join(document)).unwrap();
        let named = paths(&text);
        if document == "ARCHITECTURE.md" {
            assert!(named.len() > 50, "{} paths in {document}", named.len());
        }
        for path in named {
            let found = Path::new(ROOT).join(path).exists();
            assert!(found, "{document} names {path}, which does not exist");
        }
    }
}
