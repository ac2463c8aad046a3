// SPDX-License-Identifier: MIT OR Apache-2.0

//! What must not compile. Each file in `ui/` is one mistake, most of them from the
//! history of NMR drivers; `ui/the_right_way.rs` compiles, is linked and runs, which
//! shows that nothing else in them is wrong.

#[test]
fn mistakes_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/the_right_way.rs");
    cases.compile_fail("tests/ui/mistake_*.rs");
}
