//! The page of the documentation that shows a trait's expansion: `docs/interface-expanded.rs`,
//! made of `docs/interface.rs`.

use std::path::Path;

use syn::{Item, parse_file};

use crate::expand;
use crate::interface::Interface;

/// When this is set, the page is written anew.
const UPDATE: &str = "PLUGWIRE_UPDATE_DOCS";

/// Paths that are absolute, so that the code means the same everywhere, and the short forms for
/// the page, as tokens.
const SHORTER: [(&str, &str); 10] = [
    (":: core :: result :: Result :: ", ""),
    (":: core :: option :: Option :: ", ""),
    (":: core :: option :: Option", "Option"),
    (":: plugwire :: Remote", "Remote"),
    (":: core :: marker :: ", ""),
    (":: std :: boxed :: Box :: ", "Box :: "),
    (":: std :: sync :: Arc", "Arc"),
    (":: plugwire :: interface :: BoxFuture", "BoxFuture"),
    ("use :: plugwire", "use plugwire"),
    ("\"::plugwire", "\"plugwire"),
];

fn expanded(source: &str) -> String {
    let source = parse_file(source).expect("Rust");
    let Some(Item::Trait(mut item)) = source.items.into_iter().next() else {
        panic!("a trait comes first");
    };
    item.attrs
        .retain(|attribute| attribute.path().is_ident("doc"));
    let interface = Interface::parse(Default::default(), item).expect("an interface");
    let mut text = expand::expand(&interface).to_string();
    for (long, short) in SHORTER {
        text = text.replace(long, short);
    }
    let file = parse_file(&text).expect("Rust, still");
    prettyplease::unparse(&file)
}

#[test]
fn the_page_shows_what_becomes_of_the_trait() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let source = std::fs::read_to_string(docs.join("interface.rs")).expect("the trait");
    let page = docs.join("interface-expanded.rs");
    let expanded = expanded(&source);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&page, &expanded).expect("the page is written");
    }
    let shown = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        shown == expanded,
        "docs/interface-expanded.rs is not the expansion of docs/interface.rs: \
         write it anew by running this test with {UPDATE}=1"
    );
}
