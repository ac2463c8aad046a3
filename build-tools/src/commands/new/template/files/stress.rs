// SPDX-License-Identifier: MIT OR Apache-2.0

//! The drivers in the simulated kernel: loaded, used and unloaded together.

use nmr_test::{Kernel, Stress};

#[test]
fn drivers_unload_while_requests_are_in_flight() {
    let report = Stress::new().cycles(300).seed(1).kernel(Kernel::Both).run();
    report.assert_clean();
    for detaches in ["detaches_pending_client", "detaches_pending_provider"] {
        assert!(report.count(detaches) > 0, "{detaches}:\n{report}");
    }
    assert!(report.count("completions") > 0, "{report}");
}
