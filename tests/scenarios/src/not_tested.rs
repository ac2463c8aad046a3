// SPDX-License-Identifier: MIT OR Apache-2.0

//! The reasons why a run has not tested what its options ask for: such a run does not pass.

use std::collections::BTreeSet;

use crate::numbers::count;
use crate::report::{Counts, Report};
use crate::scenario::Scenario;

/// What is between the sides of NMR and the name of an NPI in what a driver registered as.
const NMR_ROLE: &str = " of ";

/// The description of a driver with a callout, until a filter names one of its callouts.
pub const UNNAMED_CALLOUT: &str = "a driver with callouts that no filter names";
/// The description of such a driver once a filter names one of its callouts.
pub const NAMED_CALLOUT: &str = "a callout driver";

/// What a run is to test.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The file names of the driver images.
    pub images: Vec<String>,
    /// The scenario of all cycles, if one is asked for.
    pub only: Option<Scenario>,
    /// `true` if faults are to be injected.
    pub faults: bool,
}

impl Asked {
    /// Says in one line what a run has not tested, and why that may be. Returns `None` if
    /// it has tested everything, or has failed already.
    #[must_use]
    pub fn not_tested(&self, report: &Report) -> Option<String> {
        if !report.is_clean() {
            return None;
        }
        let what = all_cut_short(report)
            .or_else(|| nothing_attached(report, &self.images))
            .or_else(|| not_happened(report, self.only))
            .or_else(|| no_fault(report, self.faults))?;
        let cycles = count(report.cycles_done, "cycle", "cycles");
        Some(format!("in {cycles} {what}"))
    }
}

/// Cycles all of which ended early.
fn all_cut_short(report: &Report) -> Option<String> {
    let all = report.counts.cycles_cut_short == report.cycles_done;
    (all && report.cycles_done > 0)
        .then(|| "each ended early, with a finding that is ignored".to_owned())
}

/// The drivers that did not attach to any other, or did not register.
fn nothing_attached(report: &Report, images: &[String]) -> Option<String> {
    let counts = &report.counts;
    match (report.tier.as_str(), images) {
        ("sim", [alone]) => {
            let roles = counts.registered.get(alone);
            let Some(roles) = roles else {
                return Some(format!("{alone} registered nothing"));
            };
            let is_unnamed = roles.contains(UNNAMED_CALLOUT) && !roles.contains(NAMED_CALLOUT);
            is_unnamed
                .then(|| format!("no filter named a callout of {alone}: no classifyFn was called"))
        }
        ("sim", _) => {
            let mut names = images.to_vec();
            names.dedup();
            let attached = |name: &str| counts.attached.contains_key(name);
            let idle = names
                .iter()
                .filter(|it| !attached(it) && !counts.needs_no_peer(it));
            let idle: Vec<_> = idle.map(String::as_str).collect();
            let what = match &idle[..] {
                [] => return None,
                _ if counts.attaches == 0 => "no client attached to a provider".to_owned(),
                idle => format!("{} attached to no other driver", idle.join(", ")),
            };
            let mut why = missing_sides(counts, &idle);
            if why.is_empty() {
                why.extend(names.iter().map(|name| registrations(counts, name)));
            }
            Some(format!("{what}: {}", why.join("; ")))
        }
        // Windows does not say what attaches.
        ("wine", _) if counts.attaches == 0 => Some("no client attached to a provider".to_owned()),
        _ => None,
    }
}

impl Counts {
    /// Returns `true` for the image of a driver that has registered, and nothing with NMR: a
    /// callout driver, for example.
    #[must_use]
    pub fn needs_no_peer(&self, image: &str) -> bool {
        let roles = self.registered.get(image);
        roles.is_some_and(|roles| roles.iter().all(|role| !role.contains(NMR_ROLE)))
    }
}

/// What these drivers would need to attach to, and the drivers that registered nothing.
fn missing_sides(counts: &Counts, idle: &[&str]) -> Vec<String> {
    let all = || counts.registered.values().flatten();
    let mut missing = BTreeSet::new();
    for name in idle {
        let Some(roles) = counts.registered.get(*name) else {
            missing.insert(format!("{name} registered nothing"));
            continue;
        };
        for role in roles {
            let (other, what) = match role.split_once(NMR_ROLE) {
                Some(("provider", npi)) => (format!("client of {npi}"), format!("uses {npi}")),
                Some((_, npi)) => (format!("provider of {npi}"), format!("provides {npi}")),
                None => continue,
            };
            if all().all(|it| *it != other) {
                missing.insert(format!("no driver {what}"));
            }
        }
    }
    missing.into_iter().collect()
}

/// What a driver registered.
fn registrations(counts: &Counts, name: &str) -> String {
    match counts.registered.get(name) {
        None => format!("{name} registered nothing"),
        Some(roles) => {
            let roles: Vec<_> = roles.iter().map(String::as_str).collect();
            format!("{name} is {}", roles.join(", "))
        }
    }
}

/// A scenario that was asked for and did not happen.
fn not_happened(report: &Report, only: Option<Scenario>) -> Option<String> {
    let only = only?;
    let counts = &report.counts;
    let (happened, what) = match only {
        Scenario::Paired
        | Scenario::Instances
        | Scenario::Models
        | Scenario::Interop
        | Scenario::Services
        | Scenario::Races => {
            let cycles = report.scenarios.get(only.name()).copied();
            (cycles > Some(0), "no cycle was of it")
        }
        Scenario::Handles => (
            counts.unloads_deferred > 0,
            "no unload met an open handle: has a driver a device?",
        ),
        Scenario::Switching => (
            counts.subcomponent_switches > 0,
            "no driver has switched a part of it: does one have the control device for that?",
        ),
        Scenario::Gate => (
            counts.gate_refusals > 0,
            "no unload was refused: does a driver take its DriverUnload away?",
        ),
        Scenario::FailedEntry => (
            counts.failed_entries > 0,
            "no DriverEntry failed: is there a call in it that can?",
        ),
        Scenario::Shutdown => (counts.shutdowns > 0, "the machine was not shut down"),
    };
    (!happened).then(|| format!("scenario {only} did not happen: {what}"))
}

/// Faults that were asked for, of which none was injected.
fn no_fault(report: &Report, asked: bool) -> Option<String> {
    (asked && report.faults.is_empty())
        .then(|| "no fault was injected: the drivers call nothing that can fail".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: &str = "provider of Echo";

    fn asked(images: &[&str]) -> Asked {
        Asked {
            images: images.iter().map(ToString::to_string).collect(),
            ..Asked::default()
        }
    }

    fn reason(report: &Report, asked: &Asked) -> Option<String> {
        asked.not_tested(report)
    }

    fn report(attached: &[(&str, u64)]) -> Report {
        let mut report = Report::new("sim", 1, 5);
        report.cycles_done = 5;
        let counts = &mut report.counts;
        counts.attaches = attached.iter().map(|(_, count)| *count).sum();
        let attached = attached.iter();
        counts.attached = attached
            .map(|&(name, count)| (name.to_owned(), count))
            .collect();
        let registered = counts.registered.entry("a.sys".to_owned());
        registered.or_default().insert(ECHO.to_owned());
        report
    }

    #[test]
    fn what_each_side_registered_stands_in_one_line() {
        let pair = asked(&["a.sys", "b.sys"]);
        assert_eq!(
            reason(&report(&[]), &pair),
            Some(
                "in 5 cycles no client attached to a provider: b.sys registered nothing; no driver \
                 uses Echo"
                    .to_owned()
            )
        );
        assert_eq!(reason(&report(&[("a.sys", 1), ("b.sys", 1)]), &pair), None);
    }

    #[test]
    fn each_of_several_drivers_has_to_attach() {
        let report = report(&[("a.sys", 1), ("b.sys", 1)]);
        let line = reason(&report, &asked(&["a.sys", "b.sys", "c.sys"])).expect("one does not");
        assert!(
            line.starts_with(
                "in 5 cycles c.sys attached to no other driver: c.sys registered nothing"
            ),
            "{line}"
        );
    }

    #[test]
    fn a_driver_of_another_kind_needs_no_peer() {
        let mut report = report(&[("a.sys", 1), ("b.sys", 1)]);
        let registered = &mut report.counts.registered;
        let roles = registered.entry("c.sys".to_owned()).or_default();
        roles.insert("a callout driver".to_owned());
        assert_eq!(reason(&report, &asked(&["a.sys", "b.sys", "c.sys"])), None);
        assert_eq!(reason(&report, &asked(&["c.sys"])), None);
    }

    #[test]
    fn a_callout_that_no_filter_names_was_not_tested() {
        let mut report = report(&[]);
        let registered = &mut report.counts.registered;
        let roles = registered.entry("c.sys".to_owned()).or_default();
        roles.insert(UNNAMED_CALLOUT.to_owned());
        assert_eq!(
            reason(&report, &asked(&["c.sys"])).as_deref(),
            Some("in 5 cycles no filter named a callout of c.sys: no classifyFn was called")
        );
        let registered = &mut report.counts.registered;
        let roles = registered.entry("c.sys".to_owned()).or_default();
        roles.insert(NAMED_CALLOUT.to_owned());
        assert_eq!(reason(&report, &asked(&["c.sys"])), None);
    }

    #[test]
    fn one_driver_alone_has_to_register() {
        assert_eq!(reason(&report(&[]), &asked(&["a.sys"])), None);
        assert_eq!(
            reason(&report(&[]), &asked(&["b.sys"])).as_deref(),
            Some("in 5 cycles b.sys registered nothing")
        );
    }

    #[test]
    fn what_was_asked_for_has_to_happen() {
        let ran = report(&[("a.sys", 1), ("b.sys", 1)]);
        for only in Scenario::ALL {
            let asked = Asked {
                only: Some(only),
                ..asked(&["a.sys", "b.sys"])
            };
            let line = reason(&ran, &asked).expect("it did not happen");
            assert!(
                line.contains(&format!("scenario {only} did not happen")),
                "{line}"
            );
        }
        let asked = Asked {
            faults: true,
            ..asked(&["a.sys", "b.sys"])
        };
        let line = reason(&ran, &asked).expect("no fault");
        assert!(line.contains("no fault was injected"), "{line}");
    }
}
