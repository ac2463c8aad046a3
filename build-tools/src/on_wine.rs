// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs of the pair under Wine: all that goes into a prefix, one session, and
//! the report.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use scenarios::{Finding, Report};
use serde::Deserialize;
use wine::{DIRECTORY, Death, Ended, Prefix};

use crate::agreement::Event;
use crate::workspace::Workspace;
use crate::{build, program};

/// The packages of the images that Wine runs beside the pair.
pub(crate) const IMAGES: [&str; 5] = ["netio", "loader", "ntoskrnl", "bcryptprimitives", "probe"];

/// One session's drivers share a process, so that they can share `netio.sys`.
const GROUP: &str = "NmrPair";

/// Where Windows has its own drivers.
const DRIVERS: &str = r"C:\windows\system32\drivers";

/// How long a program may take to end after its last word.
const PATIENCE: Duration = Duration::from_secs(10);

/// What goes into a prefix.
pub(crate) struct Kit {
    images: PathBuf,
    program: PathBuf,
}

/// What is to be run.
pub(crate) struct Run<'a> {
    pub(crate) provider: &'a Path,
    pub(crate) client: &'a Path,
    pub(crate) seed: u64,
    pub(crate) first: u64,
    pub(crate) cycles: u64,
    /// More arguments of the program's.
    pub(crate) options: &'a [String],
}

/// A line of the program's output.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// How many of its cycles are done.
    Progress(u64),
    /// What happened in the registrar, if that was asked for.
    Event(Event),
    /// The end.
    Report(Box<Report>),
}

impl Kit {
    /// Builds everything; `None` if something does not build.
    pub(crate) fn build(workspace: &Workspace) -> Result<Option<Self>> {
        let Some(images) = build::images(workspace, &IMAGES)? else {
            return Ok(None);
        };
        let program = program::build(workspace)?;
        Ok(program.map(|program| Self { images, program }))
    }

    /// A prefix with all of it.
    pub(crate) fn prefix(&self, workspace: &Workspace) -> Result<Prefix> {
        let prefix = Prefix::create(&workspace.target().join("wine"))?;
        let image = |name: &str| self.images.join(name).with_extension("dll");
        prefix.replace(&image("ntoskrnl"), "ntoskrnl.exe")?;
        prefix.replace(&image("netio"), "drivers/netio.sys")?;
        prefix.install(&image("bcryptprimitives"), "bcryptprimitives.dll")?;
        // Here it is not one of the drivers under test.
        prefix.replace(&image("loader"), "drivers/loader.sys")?;
        prefix.install(&image("probe"), "probe.sys")?;
        prefix.install(&self.program, "nmr-stress.exe")?;
        Ok(prefix)
    }

    /// As many prefixes with all of it as sessions are to run side by side.
    pub(crate) fn prefixes(&self, workspace: &Workspace, count: usize) -> Result<Vec<Prefix>> {
        let mut prefixes = vec![self.prefix(workspace)?];
        while prefixes.len() < count {
            prefixes.push(prefixes[0].twin()?);
        }
        Ok(prefixes)
    }
}

/// The option that tries the kernel before the cycles begin.
pub(crate) fn probe() -> String {
    format!(r"--with=probe={DIRECTORY}\probe.sys")
}

/// Runs the cycles in `prefix`; `hear` is told how many are done.
pub(crate) fn run(prefix: &Prefix, run: &Run<'_>, hear: impl FnMut(u64)) -> Result<Report> {
    follow(prefix, run, hear, |_| {})
}

/// Runs the cycles in `prefix`, whose options ask for events; answers these, too.
pub(crate) fn events(prefix: &Prefix, run: &Run<'_>) -> Result<(Report, Vec<Event>)> {
    let mut events = Vec::new();
    let report = follow(prefix, run, |_| {}, |event| events.push(event))?;
    Ok((report, events))
}

fn follow(
    prefix: &Prefix,
    run: &Run<'_>,
    mut hear: impl FnMut(u64),
    mut see: impl FnMut(Event),
) -> Result<Report> {
    prefix.install(run.provider, "provider.sys")?;
    prefix.install(run.client, "client.sys")?;
    let mut report = None;
    let mut done = 0;
    let started = Instant::now();
    let mut session = prefix.run("nmr-stress.exe", &arguments(run))?;
    session.listen(|line| match serde_json::from_str(line) {
        Ok(Line::Progress(cycles)) => {
            done = cycles;
            hear(cycles);
        }
        Ok(Line::Event(event)) => see(event),
        Ok(Line::Report(told)) => report = Some(told),
        // What else it prints is for those who run it by themselves.
        Err(_) => {}
    });
    let ended = session.end(PATIENCE)?;
    let death = Death::read(&ended.log);
    let mut report = match report {
        Some(report) => *report,
        None => silent(run, done, started.elapsed(), &ended, death.is_some())?,
    };
    // The kernel stops at the first driver that leaves something.
    report.counts.leaks = Some(death.as_ref().map_or(0, |death| death.leaks));
    match death {
        Some(death) => explain(&mut report, run, death),
        None if report.findings.is_empty() && !ended.status.is_some_and(|it| it.success()) => {
            bail!("nmr-stress.exe {}: {}", how(&ended), tail(&ended.log));
        }
        None => {}
    }
    Ok(report)
}

fn arguments(run: &Run<'_>) -> Vec<String> {
    let mut arguments: Vec<_> = [
        ("provider", format!(r"{DIRECTORY}\provider.sys")),
        ("client", format!(r"{DIRECTORY}\client.sys")),
        ("seed", run.seed.to_string()),
        ("first", run.first.to_string()),
        ("cycles", run.cycles.to_string()),
        ("tier", "wine".to_owned()),
        ("by", "scm,loader,nt".to_owned()),
        ("group", GROUP.to_owned()),
        ("with", format!(r"netio={DRIVERS}\netio.sys")),
        ("with", format!(r"loader={DRIVERS}\loader.sys")),
    ]
    .into_iter()
    .map(|(name, value)| format!("--{name}={value}"))
    .collect();
    arguments.extend_from_slice(run.options);
    arguments
}

/// The report of a program that died before it could give one.
fn silent(run: &Run<'_>, done: u64, took: Duration, ended: &Ended, died: bool) -> Result<Report> {
    if let (Some(2), false) = (ended.status.and_then(|status| status.code()), died) {
        let said = ended
            .log
            .lines()
            .find_map(|line| line.strip_prefix("error: "));
        bail!(
            "{}",
            said.unwrap_or("nmr-stress.exe refused and said nothing")
        );
    }
    let mut report = Report::new("wine", run.seed, run.cycles);
    report.cycles_done = done;
    report.took(took);
    let what = format!("nmr-stress.exe {}: {}", how(ended), tail(&ended.log));
    report.add_finding(Finding::bare("lost", what, run.seed, run.first + done));
    Ok(report)
}

fn how(ended: &Ended) -> String {
    match ended.status {
        Some(status) => format!("ended with {status}"),
        None => "did not end".to_owned(),
    }
}

/// What the program saw of it was only that nobody answered any more.
fn explain(report: &mut Report, run: &Run<'_>, death: Death) {
    let cycle = report
        .findings
        .first()
        .map_or(run.first + report.cycles_done, |found| found.cycle);
    report.findings.clear();
    report.add_finding(Finding {
        driver: death.driver,
        offset: death.offset,
        parameters: death.parameters,
        history: death.history,
        ..Finding::bare(&death.code, death.what, run.seed, cycle)
    });
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
