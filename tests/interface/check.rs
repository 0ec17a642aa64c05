//! What gob cannot say, told before the first call.

use std::collections::BTreeMap;
use std::sync::Arc;

use plugwire::Result;
use plugwire::gob::Optional;
use plugwire::interface::check;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub enum Shape {
    Square(u32),
    Circle { radius: u32 },
    Point,
}

#[derive(Serialize, Deserialize)]
pub struct Item {
    pub name: String,
    pub shapes: Vec<Shape>,
}

#[derive(Serialize, Deserialize)]
pub struct Row {
    pub cells: Vec<Option<i64>>,
    pub note: Option<Option<String>>,
    pub total: i128,
}

#[derive(Serialize, Deserialize)]
pub struct Tree {
    pub left: Option<Box<Tree>>,
    pub kids: Vec<Tree>,
}

#[derive(Serialize, Deserialize)]
pub struct Endless {
    pub inner: Box<Endless>,
}

#[derive(Serialize, Deserialize)]
pub struct Flat {
    pub name: String,
    #[serde(flatten)]
    pub rest: Tree,
}

type Maybe = Option<i64>;

/// Everything that gob cannot say.
#[plugwire::interface]
pub trait Wrong {
    async fn whole(&self, shape: Shape) -> Result<Item>;
    async fn among(&self, id: u64, row: Row) -> Result<()>;
    async fn alias(&self, maybe: Maybe) -> Result<Maybe>;
    async fn tuple(&self) -> Result<(i64, Option<Shape>)>;
    async fn keys(&self, by: BTreeMap<Vec<u8>, i64>) -> Result<BTreeMap<Option<i64>, i64>>;
    async fn endless(&self, flat: Flat) -> Result<Endless>;
    async fn nested(&self, other: Arc<dyn AlsoWrong>) -> Result<Option<Arc<dyn AlsoWrong>>>;
    #[plugwire(args = "map")]
    async fn map(&self, #[plugwire(go = "main.Row")] row: Row) -> Result<Option<Option<()>>>;
}

#[plugwire::interface]
pub trait AlsoWrong {
    async fn back(&self, wrong: Option<Arc<dyn Wrong>>) -> Result<u128>;
}

/// What looks odd and is not wrong.
#[plugwire::interface]
pub trait Right {
    async fn units(&self, unit: ()) -> Result<Vec<()>>;
    async fn option(&self, key: Option<String>) -> Result<Option<i64>>;
    async fn fields(&self, a: Option<i64>, b: Option<Tree>) -> Result<(Option<i64>, [u8; 4])>;
    async fn tree(&self, tree: Tree) -> Result<Vec<Tree>>;
    async fn pairs(&self, pairs: [(i64, String); 2]) -> Result<Vec<Optional<i64>>>;
    async fn keys(&self, by: BTreeMap<(i64, [u8; 2]), char>) -> Result<()>;
    #[plugwire(reply = "letters")]
    async fn letters(&self) -> Result<Maybe>;
    #[plugwire(args = "letters")]
    async fn lettered(&self, maybe: Maybe) -> Result<()>;
    /// A method may have the name of the check.
    async fn check(&self) -> Result<bool>;
}

/// Asks for every problem's parts, and for the text.
fn problems(error: &plugwire::interface::CheckError) -> String {
    let lines = error.problems().iter().map(|problem| {
        let part = problem.parameter().unwrap_or("result");
        format!(
            "{}::{} {part} {:?}\n",
            problem.interface(),
            problem.method(),
            problem.path()
        )
    });
    lines.collect()
}

#[test]
fn every_problem_is_named_with_its_place() {
    let error = <dyn Wrong>::check().unwrap_err();
    assert_eq!(
        problems(&error),
        r#"Wrong::whole shape ""
Wrong::whole result "shapes[0]"
Wrong::among row "cells[]"
Wrong::among row "note"
Wrong::among row "total"
Wrong::alias maybe ""
Wrong::alias result ""
Wrong::tuple result ""
Wrong::keys by ""
Wrong::keys result "[key]"
Wrong::endless flat ""
Wrong::endless result "inner.inner.inner.inner.inner.inner.inner.inner.…"
AlsoWrong::back result ""
Wrong::map row "cells[]"
Wrong::map row "note"
Wrong::map row "total"
Wrong::map result ""
"#
    );
}

#[test]
fn each_problem_has_a_cure() {
    let text = format!("{}\n", <dyn Wrong>::check().unwrap_err());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interface/check.txt");
    if std::env::var_os("PLUGWIRE_UPDATE_DOCS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap());
}

#[test]
fn what_gob_can_say_passes() {
    check::<dyn Right>().unwrap();
    <dyn crate::counter::Counter>::check().unwrap();
}
