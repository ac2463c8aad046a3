// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a run was asked to test, for [`Asked::not_tested`].

use std::path::Path;

use scenarios::{Asked, Report};

use super::StressPlan;

/// The sentence that says what the run of a plan has not tested, and why that may be.
/// Returns `None` if it has tested everything, or has failed already.
pub(super) fn reason(report: &Report, plan: &StressPlan) -> Option<String> {
    let name = |image: &Path| {
        let name = image.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let asked = Asked {
        images: plan.images().into_iter().map(name).collect(),
        only: plan.only,
        faults: plan
            .options
            .iter()
            .any(|option| option.starts_with("--faults=")),
    };
    asked.not_tested(report)
}
