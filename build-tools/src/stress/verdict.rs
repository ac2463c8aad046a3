// SPDX-License-Identifier: MIT OR Apache-2.0

//! The verdict on a stress run.

use std::time::Duration;

use scenarios::Report;

use super::{StressPlan, Tier, not_tested};
use crate::terminal::{Verdict, Word, count, count_of, grouped, time};

/// How a run ended.
pub(crate) struct RunEnd {
    /// The time that it took.
    pub(crate) took: Duration,
    /// The number of workers that died.
    pub(crate) deaths: usize,
    /// `true` if a signal has come.
    pub(crate) interrupted: bool,
}

/// The verdict on the run of `plan` that made `report`.
pub(super) fn of(report: &Report, plan: &StressPlan, end: &RunEnd) -> Verdict {
    let cycles = cycles(report);
    let took = time(end.took);
    let seed = report.seed;
    let found = found(report);
    if end.interrupted && report.cycles_done < report.cycles_requested {
        let sentence = format!("{cycles} in {took}: {found}, seed {seed}");
        return Verdict::new(Word::Interrupted, sentence);
    }
    if !report.findings.is_empty() {
        return Verdict::fail(found);
    }
    if end.deaths > 0 {
        let workers = count(end.deaths as u64, "worker", "workers");
        return Verdict::fail(format!(
            "{workers} died after {cycles}: see the error above"
        ));
    }
    if let Some(first) = report.unsupported.first() {
        let done = count(report.cycles_done, "cycle", "cycles");
        let cut = grouped(report.cut_short());
        let sentence = format!(
            "{found}, but {cut} of {done} ended early; first: {} {}",
            first.driver, first.what
        );
        return Verdict::new(Word::Unsupported, sentence);
    }
    if !report.is_clean() {
        return Verdict::fail(format!("only {cycles} were run"));
    }
    match not_tested::reason(report, plan) {
        Some(reason) => Verdict::new(Word::NotTested, reason),
        None => Verdict::pass(format!(
            "{cycles} in {took}: {found}, seed {seed}{}{}",
            alone(report, plan),
            undescribed(plan)
        )),
    }
}

/// What the run of a driver that had no peer has not shown.
fn alone(report: &Report, plan: &StressPlan) -> &'static str {
    let counts = &report.counts;
    // What is not NMR's needs no peer.
    let is_served = || counts.registered.keys().all(|it| counts.needs_no_peer(it));
    let is_alone = plan.tier == Tier::Sim && plan.images().len() == 1 && counts.attaches == 0;
    if is_alone && !is_served() {
        "; alone: it attached to nothing, --peer auto gives it a peer"
    } else {
        ""
    }
}

/// What peers have not done for want of descriptions.
fn undescribed(plan: &StressPlan) -> String {
    let mut all: Vec<_> = plan.untested.iter().map(|it| format!("; {it}")).collect();
    all.dedup();
    all.concat()
}

/// `1,000 cycles`, or `5 of 1,000 cycles` if some were not run.
fn cycles(report: &Report) -> String {
    let all = count(report.cycles_requested, "cycle", "cycles");
    if report.cycles_done == report.cycles_requested {
        return all;
    }
    format!("{} of {all}", grouped(report.cycles_done))
}

/// The number of findings, and the first of them.
fn found(report: &Report) -> String {
    let findings = count_of(&report.findings, "finding", "findings");
    let Some(first) = report.findings.first() else {
        return findings;
    };
    let with: u64 = report.findings.iter().map(|finding| finding.count).sum();
    let with = grouped(with.min(report.cycles_done));
    let done = count(report.cycles_done, "cycle", "cycles");
    format!(
        "{findings} in {with} of {done}; first: {}",
        first.headline()
    )
}

#[cfg(test)]
mod tests {
    use scenarios::{Finding, Place, Unsupported};

    use super::*;

    const END: RunEnd = RunEnd {
        took: Duration::from_millis(940),
        deaths: 0,
        interrupted: false,
    };

    fn report(done: u64) -> Report {
        let mut report = Report::new("wine", 4711, 1000);
        report.cycles_done = done;
        report.counts.attaches = 1;
        report
    }

    fn line(report: &Report, end: &RunEnd) -> String {
        let plan = StressPlan {
            drivers: Vec::new(),
            ..StressPlan::empty(Tier::Wine)
        };
        of(report, &plan, end).to_string()
    }

    fn finding() -> Finding {
        let place = Place {
            function: "DriverUnload".to_owned(),
            file: Some("provider/src/lib.rs".to_owned()),
            line: Some(140),
        };
        Finding {
            driver: "provider.sys".to_owned(),
            place: Some(place),
            offset: Some(0x1150),
            count: 2,
            ..Finding::bare("R28", "it does not wait".to_owned(), 4711, 3)
        }
    }

    #[test]
    fn a_clean_run_passes() {
        assert_eq!(
            line(&report(1000), &END),
            "PASS  1,000 cycles in 0.9 s: 0 findings, seed 4711"
        );
    }

    #[test]
    fn a_stub_says_what_it_has_not_done() {
        let plan = StressPlan {
            untested: vec!["no call was made, because NPI {1} has no description".to_owned()],
            ..StressPlan::empty(Tier::Sim)
        };
        assert_eq!(
            of(&report(1000), &plan, &END).to_string(),
            "PASS  1,000 cycles in 0.9 s: 0 findings, seed 4711; no call was made, because NPI {1} \
             has no description"
        );
    }

    #[test]
    fn a_driver_alone_passes_with_what_it_has_not_shown() {
        let plan = StressPlan {
            drivers: vec!["a.sys".into()],
            ..StressPlan::empty(Tier::Sim)
        };
        let mut report = Report::new("sim", 4, 200);
        report.cycles_done = 200;
        let roles = report.counts.registered.entry("a.sys".to_owned());
        roles.or_default().insert("client of Echo".to_owned());
        let line = of(&report, &plan, &END).to_string();
        assert_eq!(
            line,
            "PASS  200 cycles in 0.9 s: 0 findings, seed 4; alone: it attached to nothing, \
             --peer auto gives it a peer"
        );
    }

    #[test]
    fn a_callout_driver_needs_no_peer() {
        let plan = StressPlan {
            drivers: vec!["a.sys".into()],
            ..StressPlan::empty(Tier::Sim)
        };
        let mut report = Report::new("sim", 4, 200);
        report.cycles_done = 200;
        let roles = report.counts.registered.entry("a.sys".to_owned());
        roles.or_default().insert("a callout driver".to_owned());
        assert_eq!(
            of(&report, &plan, &END).to_string(),
            "PASS  200 cycles in 0.9 s: 0 findings, seed 4"
        );
    }

    #[test]
    fn the_first_finding_is_named() {
        let mut report = report(1000);
        report.add_finding(finding());
        assert_eq!(
            line(&report, &END),
            "FAIL  1 finding in 2 of 1,000 cycles; first: R28 provider.sys DriverUnload \
             (provider/src/lib.rs:140)"
        );
    }

    #[test]
    fn an_interrupted_run_says_what_was_done() {
        let mut report = report(20);
        let interrupted = RunEnd {
            interrupted: true,
            ..END
        };
        assert_eq!(
            line(&report, &interrupted),
            "INTERRUPTED  20 of 1,000 cycles in 0.9 s: 0 findings, seed 4711"
        );
        report.add_finding(finding());
        let line = line(&report, &interrupted);
        assert!(
            line.contains(": 1 finding in 2 of 20 cycles; first: R28"),
            "{line}"
        );
    }

    #[test]
    fn cycles_that_were_cut_short_are_counted_beside_the_findings() {
        let mut report = report(1000);
        report.add_unsupported(Unsupported {
            what: "calls NtFoo of ntoskrnl.exe".to_owned(),
            driver: "client.sys".to_owned(),
            instance: 1,
            offset: Some(0x1150),
            place: None,
            cycle: 3,
            seed: 7,
            thread: "unload client".to_owned(),
            stack: Vec::new(),
            count: 4,
        });
        assert_eq!(
            line(&report, &END),
            "UNSUPPORTED  0 findings, but 4 of 1,000 cycles ended early; first: client.sys calls \
             NtFoo of ntoskrnl.exe"
        );
    }

    #[test]
    fn a_run_without_an_attach_or_with_a_dead_worker_does_not_pass() {
        let mut idle = report(1000);
        idle.counts.attaches = 0;
        let line_of_idle = line(&idle, &END);
        assert!(
            line_of_idle.starts_with("NOT TESTED  in "),
            "{line_of_idle}"
        );
        assert!(
            line_of_idle.ends_with(" cycles no client attached to a provider"),
            "{line_of_idle}"
        );
        let died = RunEnd { deaths: 1, ..END };
        let line = line(&report(7), &died);
        assert_eq!(
            line,
            "FAIL  1 worker died after 7 of 1,000 cycles: see the error above"
        );
    }
}
