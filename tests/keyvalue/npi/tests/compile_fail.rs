// SPDX-License-Identifier: MIT OR Apache-2.0

//! With the count of requests in flight taken away by hand, a module of the NPI does not
//! compile. Each file in `ui/` takes it away in one place.

#[test]
fn a_request_is_not_kept_or_completed_without_its_binding() {
    trybuild::TestCases::new().compile_fail("tests/ui/mistake_*.rs");
}
