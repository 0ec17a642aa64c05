//! What the attribute says to mistakes, and where: every file of `ui` beside what the compiler
//! prints for it.

#[test]
fn mistakes_are_told_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
