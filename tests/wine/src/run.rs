// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run of the pair's cycles: one session, and its report.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use scenarios::{Finding, Line, Report};

use crate::death::Death;
use crate::kit::PROGRAM;
use crate::prefix::{DIRECTORY, Prefix};
use crate::session::Ended;

/// One session's drivers share a process, so that they can share `netio.sys`.
const GROUP: &str = "NmrPair";

/// Where Windows has its own drivers.
const DRIVERS: &str = r"C:\windows\system32\drivers";

/// How long a program may take to end after its last word.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The provider's image.
    pub provider: &'a Path,
    /// The client's image.
    pub client: &'a Path,
    /// Where this runs, as the report names it.
    pub tier: &'a str,
    /// What all choices are drawn from.
    pub seed: u64,
    /// The number of the first cycle.
    pub first: u64,
    /// How many there are.
    pub cycles: u64,
    /// More arguments of the program's.
    pub options: &'a [String],
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The report, with the death in it if the session died.
    pub report: Report,
    /// The session's kernel stopped.
    pub died: bool,
    /// What the session said of itself.
    pub log: String,
}

/// The option that tries the kernel before the cycles begin.
#[must_use]
pub fn probe() -> String {
    format!(r"--with=probe={DIRECTORY}\probe.sys")
}

impl Run<'_> {
    /// Runs the cycles in `prefix`, which has a [`Kit`](crate::Kit); `hear` is told
    /// each line but the report.
    ///
    /// # Errors
    ///
    /// If it cannot be run, or ends for another reason than a finding.
    pub fn perform(&self, prefix: &Prefix, mut hear: impl FnMut(Line)) -> Result<Ran> {
        prefix.install(self.provider, "provider.sys")?;
        prefix.install(self.client, "client.sys")?;
        let mut report = None;
        let mut done = 0;
        let started = Instant::now();
        let mut session = prefix.run(PROGRAM, &self.arguments())?;
        session.listen(|line| match serde_json::from_str(line) {
            Ok(Line::Report(told)) => report = Some(told),
            Ok(line) => {
                if let Line::Progress(cycles) = line {
                    done = cycles;
                }
                hear(line);
            }
            // What else it prints is for those who run it by themselves.
            Err(_) => {}
        });
        let ended = session.end(PATIENCE)?;
        let death = Death::read(&ended.log);
        let died = death.is_some();
        let mut report = match report {
            Some(report) => *report,
            None => self.silent(done, started.elapsed(), &ended, died)?,
        };
        // The kernel stops at the first driver that leaves something.
        report.counts.leaks = Some(death.as_ref().map_or(0, |death| death.leaks));
        match death {
            Some(death) => self.explain(&mut report, death),
            None if report.findings.is_empty() && !ended.status.is_some_and(|it| it.success()) => {
                bail!("{PROGRAM} {}: {}", how(&ended), tail(&ended.log));
            }
            None => {}
        }
        Ok(Ran {
            report,
            died,
            log: ended.log,
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

    /// The report of a program that died before it could give one.
    fn silent(&self, done: u64, took: Duration, ended: &Ended, died: bool) -> Result<Report> {
        if let (Some(2), false) = (ended.status.and_then(|status| status.code()), died) {
            let mut lines = ended.log.lines();
            let said = lines.find_map(|line| line.strip_prefix("error: "));
            match said {
                Some(said) => bail!("{said}"),
                None => bail!("{PROGRAM} refused and said nothing"),
            }
        }
        let mut report = Report::new(self.tier, self.seed, self.cycles);
        report.cycles_done = done;
        report.took(took);
        let what = format!("{PROGRAM} {}: {}", how(ended), tail(&ended.log));
        report.add_finding(Finding::bare("lost", what, self.seed, self.first + done));
        Ok(report)
    }

    /// What the program saw of it was only that nobody answered any more.
    fn explain(&self, report: &mut Report, death: Death) {
        let cycle = report
            .findings
            .first()
            .map_or(self.first + report.cycles_done, |found| found.cycle);
        report.findings.clear();
        report.add_finding(Finding {
            driver: death.driver,
            offset: death.offset,
            parameters: death.parameters,
            history: death.history,
            ..Finding::bare(&death.code, death.what, self.seed, cycle)
        });
    }
}

fn how(ended: &Ended) -> String {
    match ended.status {
        Some(status) => format!("ended with {status}"),
        None => "did not end".to_owned(),
    }
}

/// The end of what a session said.
fn tail(log: &str) -> String {
    /// So many lines tell enough.
    const LINES: usize = 5;
    let lines: Vec<_> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "it said nothing".to_owned();
    }
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}
