// SPDX-License-Identifier: MIT OR Apache-2.0

//! The verdict on the dry run of a driver.

use scenarios::{Description, Unload, Verdict as DryRunVerdict};

use crate::terminal::{Verdict, Word, count_of};

/// The verdict: what ended the dry run early, or what the driver did.
pub(crate) fn verdict(description: &Description) -> Verdict {
    let name = &description.name;
    let run = &description.dry_run;
    match &run.verdict {
        Some(DryRunVerdict::Finding(finding)) => {
            let what = &finding.what;
            Verdict::fail(format!(
                "alone in a dry run: {}: {what}",
                finding.headline()
            ))
        }
        Some(DryRunVerdict::Unsupported(unsupported)) => Verdict::new(
            Word::Unsupported,
            format!("alone in a dry run: {name} {}", unsupported.what),
        ),
        None => {
            let modules = count_of(&run.registered, "NMR module", "NMR modules");
            let unload = match run.unload {
                Unload::Clean => ", is unloaded, leaves nothing behind",
                Unload::NoRoutine => " and cannot be unloaded",
                Unload::NotTried | Unload::DidNotReturn | Unload::Unclean => {
                    return Verdict::pass(format!("{name} refuses to be loaded alone"));
                }
            };
            Verdict::pass(format!("{name} registers {modules}{unload}"))
        }
    }
}
