// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stress on a machine: boots or reaches it, pushes a package, runs the cycles, and
//! collects the report, or the dump of a crash.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use child::interrupt::interrupted;
use scenarios::{Finding, Line, Report};
use tempfile::TempDir;
use vm::{DUMP, Failure, Guest, LOG, ProgramEnd, REHEARSAL, Session, bug_check};
use wine::Dump;

use super::StressPlan;
use super::report_file::MachineFacts;
use super::run_files::{ReportPaths, RunFiles};
use super::summary::{self, Detail};
use super::verdict::{self, RunEnd};
use crate::building::{host_program, wine_prefix};
use crate::terminal::{self, Outcome, Progress, Verdict, Waiting, count, print};
use crate::workspace::Workspace;
use crate::{machines, packages};

/// The tier's name in reports.
const TIER: &str = "vm";

/// A plan, the machine that runs it, and how often.
pub(crate) struct MachineRuns<'a> {
    pub(crate) plan: &'a StressPlan,
    pub(crate) guest: &'a Guest,
    /// The number of runs; each has the next seed.
    pub(crate) repeat: u64,
    /// Keep the files of every run, not only of those with findings.
    pub(crate) keep: bool,
    pub(crate) paths: ReportPaths<'a>,
}

/// The result of one run.
struct RunResult {
    report: Report,
    facts: MachineFacts,
    /// The directory of the machine's files, if they were kept.
    home: Option<PathBuf>,
    /// Whether the machine was shut down or released without an error.
    closed: Result<()>,
}

/// Carries out all runs, each on a machine in its initial state.
pub(crate) fn stress(workspace: &Workspace, runs: &MachineRuns<'_>) -> Result<Verdict> {
    let Some(files) = guest_files(workspace, runs)? else {
        return Ok(Outcome::Found.into());
    };
    let started = Instant::now();
    let mut all = Report::new(TIER, runs.plan.seed, runs.plan.cycles * runs.repeat);
    let mut machine = None;
    let mut failure = None;
    for number in 0..runs.repeat {
        let seed = runs.plan.seed + number;
        let ended = one(workspace, runs, files.path(), seed).and_then(|ran| {
            print(summary::of(&ran.report, None, Detail::Short, |cycle| {
                runs.plan.command_with_seed(seed, cycle, 1)
            }));
            if let Some(home) = ran.home {
                let home = home.display();
                print(format!("stress: files of the machine are in {home}"));
            }
            all.merge(ran.report);
            machine = Some(ran.facts);
            ran.closed?;
            if runs.guest.name == REHEARSAL {
                machines::rehearsal_disk(workspace).check()?;
            }
            Ok(())
        });
        failure = ended.err();
        if failure.is_some() || interrupted() {
            break;
        }
    }
    match failure {
        // The report says what was done.
        Some(_) if interrupted() => {}
        // Findings of earlier runs are reported in any case.
        Some(error) if all.findings.is_empty() => return Err(error),
        Some(error) => terminal::error(format!("{error:#}")),
        None => {}
    }
    let end = RunEnd {
        took: started.elapsed(),
        deaths: 0,
        interrupted: interrupted(),
    };
    let verdict = verdict::of(&all, runs.plan, &end);
    let again = |seed, cycle| runs.plan.command_with_seed(seed, cycle, 1);
    let mut files = RunFiles::new(&all, &verdict, runs.plan, &again);
    files.guest = machine.as_ref();
    // Otherwise the NMR is that of Windows.
    files.checks_rules = runs.guest.profile.tier == wine_prefix::TIER;
    files.write(workspace, runs.paths)?;
    Ok(verdict)
}

/// A directory with all files that the guest needs; `None` if something does not build.
fn guest_files(workspace: &Workspace, runs: &MachineRuns<'_>) -> Result<Option<TempDir>> {
    let files = tempfile::tempdir_in(workspace.target())?;
    let options = packages::Options {
        provider: runs.plan.override_of("provider"),
        client: runs.plan.override_of("client"),
        into: Some(files.path().to_owned()),
    };
    let Some(package) = packages::assemble(workspace, &options)? else {
        return Ok(None);
    };
    for name in package.files().iter().map(Path::new) {
        // Symbols are only needed here.
        if name.extension().is_some_and(|it| it == "pdb") {
            fs::remove_file(files.path().join(name))?;
        }
    }
    if runs.guest.profile.tier == wine_prefix::TIER {
        let Some(payload) = wine_prefix::payload(workspace)? else {
            return Ok(None);
        };
        payload.collect(files.path())?;
        let program = host_program::wine_guest(workspace)?;
        fs::copy(&program, files.path().join("wine-guest"))?;
    }
    Ok(Some(files))
}

/// Prints the step that begins now, and shows that it goes on until the result is dropped.
fn begin(what: &str) -> Waiting {
    print(format!("stress: {what}"));
    Waiting::on(what)
}

/// Pushes `files` into the guest and prepares it; returns its properties for the report.
fn make_ready(
    session: &mut Session<'_>,
    files: &Path,
) -> Result<serde_json::Map<String, serde_json::Value>> {
    let step = begin("pushing the package");
    session.push(files)?;
    drop(step);
    let _step = begin("configuring crash dumps, and restarting the guest");
    session.prepare()?;
    let facts = session.facts()?.into_iter();
    Ok(facts
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect())
}

/// One run, from the machine's start to its end.
fn one(
    workspace: &Workspace,
    runs: &MachineRuns<'_>,
    files: &Path,
    seed: u64,
) -> Result<RunResult> {
    let MachineRuns { plan, guest, .. } = runs;
    let step = begin(&format!("booting {}", guest.name));
    let mut session = Session::open(guest, &machines::home(workspace))?;
    drop(step);
    let ready = make_ready(&mut session, files);
    let facts = match ready {
        Ok(more) => MachineFacts {
            name: guest.name.clone(),
            profile: guest.profile.name,
            accelerator: session.accelerator(),
            more,
        },
        Err(error) => return Err(session.fail(error)),
    };
    print(format!(
        "stress: running {}",
        count(plan.cycles, "cycle", "cycles")
    ));
    // The program in the guest times out before the session does: it can name what hangs.
    let patience = guest.stall.as_secs() / 2;
    let mut arguments = vec![format!("--tier={TIER}")];
    for (name, value) in [
        ("seed", seed),
        ("first", plan.first),
        ("cycles", plan.cycles),
        ("patience", patience.max(1)),
    ] {
        arguments.push(format!("--{name}={value}"));
    }
    arguments.extend_from_slice(&plan.options);
    let mut received = None;
    let mut done = 0;
    let mut progress = Progress::new("stress", "cycles", plan.cycles);
    let started = Instant::now();
    let end = session.stress(&arguments, |line| match serde_json::from_str(line) {
        Ok(Line::Progress(cycles)) => {
            done = cycles;
            progress.show(cycles);
        }
        Ok(Line::Report(report)) => received = Some(*report),
        // Other lines are for users who run the program by hand.
        Ok(Line::Event(_)) | Err(_) => {}
    })?;
    progress.end();
    let reported = received.is_some();
    let mut report = received.unwrap_or_else(|| {
        let mut report = Report::new(TIER, seed, plan.cycles);
        report.cycles_done = done;
        report.took(started.elapsed());
        report
    });
    let home = session.home().to_owned();
    match end {
        ProgramEnd::Exited(_) if reported => {}
        ProgramEnd::Exited(2) => {
            let why = refusal(&home.join(LOG));
            session.close(true)?;
            bail!("{why}; the guest's log is in {}", home.display());
        }
        ProgramEnd::Exited(status) => {
            let what = format!("the program exited with {status} in the guest, without a report");
            report.add_finding(Finding::bare("lost", what, seed, plan.first + done));
        }
        // What it has done is reported; the guest is removed.
        ProgramEnd::Failed(Failure::Interrupted) => {}
        ProgramEnd::Failed(failure) => {
            print(format!("stress: {failure}"));
            add_failure(&mut report, &failure, &home, plan.first);
        }
    }
    let keep = runs.keep || !report.findings.is_empty();
    let _step = begin("shutting the guest down");
    Ok(RunResult {
        report,
        facts,
        closed: session.close(keep),
        home: keep.then_some(home),
    })
}

/// The reason why the program refused to begin.
fn refusal(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let error = log.lines().find_map(|line| line.strip_prefix("error: "));
    error
        .or_else(|| log.lines().next_back())
        .unwrap_or("the program refused without a reason")
        .to_owned()
}

/// Adds the finding of a crash or hang: with the driver to blame, if the dump names it.
fn add_failure(report: &mut Report, failure: &Failure, home: &Path, first: u64) {
    let cycle = first + report.cycles_done;
    let bare = Finding::bare(failure.code(), failure.to_string(), report.seed, cycle);
    let dump = home.join(DUMP);
    if !dump.is_file() {
        report.add_finding(bare);
    } else if let Ok(Some(bug_check)) = bug_check(&dump) {
        report.add_finding(Finding {
            code: format!("{:#X}", bug_check.code),
            parameters: Some(bug_check.parameters),
            what: format!("{failure}; `!analyze -v` in a debugger names the driver"),
            ..bare
        });
    } else if let Ok(dump) = wine_dump(&dump) {
        report.cycles_done = dump.cycles_done;
        report.add_finding(dump.finding);
    } else {
        let what = format!("{failure}; its {DUMP} cannot be read");
        report.add_finding(Finding { what, ..bare });
    }
}

/// The dump that the rehearsal guest writes.
fn wine_dump(dump: &Path) -> Result<Dump> {
    Ok(serde_json::from_str(&fs::read_to_string(dump)?)?)
}
