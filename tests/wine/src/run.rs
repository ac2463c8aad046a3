// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run of cycles: one session, and its report.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use scenarios::{Finding, Line, Report};

use crate::crash::KernelCrash;
use crate::payload::PROGRAM;
use crate::prefix::{DIRECTORY, Prefix};
use crate::session::SessionEnd;

/// The service group of all drivers: they share a process and thereby `netio.sys`.
const GROUP: &str = "NmrPair";

/// The directory of Windows' own drivers.
const DRIVERS: &str = r"C:\windows\system32\drivers";

/// The time that the program may take to exit after its last line.
const PATIENCE: Duration = Duration::from_secs(10);

/// The images and the cycles to run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The provider's image.
    pub provider: &'a Path,
    /// The client's image.
    pub client: &'a Path,
    /// The tier's name in the report.
    pub tier: &'a str,
    /// The seed of all random choices.
    pub seed: u64,
    /// The number of the first cycle.
    pub first: u64,
    /// The number of cycles.
    pub cycles: u64,
    /// Further arguments of the program.
    pub options: &'a [String],
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// The report; a crash of the kernel is a finding in it.
    pub report: Report,
    /// `true` if the session's kernel crashed.
    pub crashed: bool,
    /// The session's log.
    pub log: String,
}

/// The option that tests the kernel's functions before the cycles begin.
#[must_use]
pub fn probe() -> String {
    format!(r"--with=probe={DIRECTORY}\probe.sys")
}

impl Run<'_> {
    /// Runs the cycles in `prefix`, which must contain the [`Payload`](crate::Payload).
    /// `on_line` is called for each line except the report.
    ///
    /// # Errors
    ///
    /// If the program cannot be run, or fails for another reason than a finding.
    pub fn perform(&self, prefix: &Prefix, mut on_line: impl FnMut(Line)) -> Result<RunResult> {
        prefix.install(self.provider, "provider.sys")?;
        prefix.install(self.client, "client.sys")?;
        let mut report = None;
        let mut done = 0;
        let started = Instant::now();
        let mut session = prefix.run(PROGRAM, &self.arguments())?;
        session.listen(|line| match serde_json::from_str(line) {
            Ok(Line::Report(received)) => report = Some(received),
            Ok(line) => {
                if let Line::Progress(cycles) = line {
                    done = cycles;
                }
                on_line(line);
            }
            // Other lines are for users who run the program by hand.
            Err(_) => {}
        });
        let end = session.end(PATIENCE)?;
        let crash = KernelCrash::read(&end.log);
        let crashed = crash.is_some();
        let mut report = match report {
            Some(report) => *report,
            None => self.report_of_lost_program(done, started.elapsed(), &end, crashed)?,
        };
        // The kernel bug-checks at the first driver that leaks.
        report.counts.leaks = Some(crash.as_ref().map_or(0, |crash| crash.leaks));
        match crash {
            Some(crash) => self.add_crash(&mut report, crash),
            None if report.findings.is_empty() && !end.status.is_some_and(|it| it.success()) => {
                bail!("{PROGRAM} {}: {}", how(&end), child::last_lines(&end.log));
            }
            None => {}
        }
        Ok(RunResult {
            report,
            crashed,
            log: end.log,
        })
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<_> = [
            ("provider", format!(r"{DIRECTORY}\provider.sys")),
            ("client", format!(r"{DIRECTORY}\client.sys")),
            ("seed", self.seed.to_string()),
            ("first", self.first.to_string()),
            ("cycles", self.cycles.to_string()),
            ("tier", self.tier.to_owned()),
            ("kernel", "wine".to_owned()),
            ("by", "scm,loader,nt".to_owned()),
            ("group", GROUP.to_owned()),
            ("with", format!(r"netio={DRIVERS}\netio.sys")),
            ("with", format!(r"loader={DRIVERS}\loader.sys")),
        ]
        .into_iter()
        .map(|(name, value)| format!("--{name}={value}"))
        .collect();
        arguments.extend_from_slice(self.options);
        arguments
    }

    /// The report in place of a program that ended without one.
    fn report_of_lost_program(
        &self,
        done: u64,
        took: Duration,
        end: &SessionEnd,
        crashed: bool,
    ) -> Result<Report> {
        if let (Some(2), false) = (end.status.and_then(|status| status.code()), crashed) {
            let mut lines = end.log.lines();
            let error = lines.find_map(|line| line.strip_prefix("error: "));
            match error {
                Some(error) => bail!("{error}"),
                None => bail!("{PROGRAM} refused without a reason"),
            }
        }
        let mut report = Report::new(self.tier, self.seed, self.cycles);
        report.cycles_done = done;
        report.took(took);
        let what = format!("{PROGRAM} {}: {}", how(end), child::last_lines(&end.log));
        report.add_finding(Finding::bare("lost", what, self.seed, self.first + done));
        Ok(report)
    }

    /// Replaces the program's finding, which is only that a call did not return, by the
    /// crash of the kernel.
    fn add_crash(&self, report: &mut Report, crash: KernelCrash) {
        let cycle = report
            .findings
            .first()
            .map_or(self.first + report.cycles_done, |found| found.cycle);
        report.findings.clear();
        report.add_finding(Finding {
            driver: crash.driver,
            offset: crash.offset,
            parameters: crash.parameters,
            history: crash.history,
            ..Finding::bare(&crash.code, crash.what, self.seed, cycle)
        });
    }
}

/// How the program ended, as a predicate.
fn how(end: &SessionEnd) -> String {
    match end.status {
        Some(status) => format!("exited with {status}"),
        None => "did not exit".to_owned(),
    }
}
