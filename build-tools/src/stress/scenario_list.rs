// SPDX-License-Identifier: MIT OR Apache-2.0

//! The list of scenarios, as `stress --list` prints it.

use scenarios::{Scenario, Tier};

/// A line for each scenario: name, tiers, and a sentence.
pub(crate) fn text() -> String {
    Scenario::ALL.map(line).join("\n")
}

fn line(scenario: Scenario) -> String {
    let tiers = [
        ("sim", Tier::Sim),
        ("wine", Tier::Wine),
        ("windows", Tier::Windows),
    ];
    let tiers = tiers.into_iter().filter(|(_, tier)| scenario.is_on(*tier));
    let tiers: Vec<_> = tiers.map(|(name, _)| name).collect();
    let tiers = tiers.join(", ");
    format!("{:<14}{tiers:<20}{}", scenario.name(), scenario.sentence())
}
