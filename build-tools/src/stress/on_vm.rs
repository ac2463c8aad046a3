// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stress on a machine: it is booted or reached, gets a package, runs the
//! cycles, and leaves a report, or what a crash has left.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use scenarios::{Finding, Line, Report};
use serde::Serialize;
use tempfile::TempDir;
use vm::{DUMP, End, Guest, LOG, REHEARSAL, Session, Trouble, bug_check};
use wine::Dump;

use super::{Plan, Written, summary, write};
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::screen::{self, say};
use crate::workspace::Workspace;
use crate::{host, on_wine, package, vm as machines};

/// How reports name it.
const TIER: &str = "vm";

/// What is to be run, and where.
pub(super) struct Runs<'a> {
    pub(super) plan: &'a Plan,
    pub(super) guest: &'a Guest,
    /// How many runs; each has the next seed.
    pub(super) repeat: u64,
    pub(super) keep: bool,
    pub(super) json: Option<&'a Path>,
}

/// A machine, as a report tells it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Facts {
    name: String,
    profile: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    accelerator: Option<&'static str>,
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
}

/// What came of one run.
struct Ran {
    report: Report,
    facts: Facts,
    /// Where the machine's files are, if they were kept.
    home: Option<PathBuf>,
    /// Whether the machine was let go of as it should.
    closed: Result<()>,
}

/// Runs all of them, each on a machine that nobody has used.
pub(super) fn stress(workspace: &Workspace, runs: &Runs<'_>) -> Result<Outcome> {
    let Some(kit) = kit(workspace, runs)? else {
        return Ok(Outcome::Found);
    };
    let mut all = Report::new(TIER, runs.plan.seed, runs.plan.cycles * runs.repeat);
    let mut machine = None;
    let mut failure = None;
    for number in 0..runs.repeat {
        let seed = runs.plan.seed + number;
        let ended = one(workspace, runs, kit.path(), seed).and_then(|ran| {
            say(summary::of(&ran.report, None, |cycle| {
                runs.plan.command_of(seed, cycle, 1)
            }));
            if let Some(home) = ran.home {
                let home = home.display();
                say(format!("stress: what is left of the machine is in {home}"));
            }
            all.merge(ran.report);
            machine = Some(ran.facts);
            ran.closed?;
            if runs.guest.name == REHEARSAL {
                machines::image(workspace).check()?;
            }
            Ok(())
        });
        if let Err(error) = ended {
            failure = Some(error);
            break;
        }
    }
    if runs.repeat > 1 {
        let found = all.findings.len();
        say(format!("stress: {} runs, {found} findings", runs.repeat));
    }
    let written = Written {
        report: &all,
        coverage: None,
        guest: machine.as_ref(),
    };
    match failure {
        // What was found before is as true as ever.
        Some(error) if all.findings.is_empty() => return Err(error),
        Some(error) => screen::error(format!("{error:#}")),
        None => {}
    }
    write(&written, runs.json)?;
    Ok(if all.is_clean() {
        Outcome::Done
    } else {
        Outcome::Found
    })
}

/// All that goes into the guest; `None` if something does not build.
fn kit(workspace: &Workspace, runs: &Runs<'_>) -> Result<Option<TempDir>> {
    let kit = tempfile::tempdir_in(workspace.target())?;
    let given = |name| {
        let given = runs.plan.given.iter().find(|(it, _)| *it == name);
        given.map(|(_, file)| file.clone())
    };
    let options = package::Options {
        provider: given("provider"),
        client: given("client"),
        into: Some(kit.path().to_owned()),
    };
    let Some(package) = package::assemble(workspace, &options)? else {
        return Ok(None);
    };
    for name in package.files().iter().map(Path::new) {
        // They are read here.
        if name.extension().is_some_and(|it| it == "pdb") {
            fs::remove_file(kit.path().join(name))?;
        }
    }
    if runs.guest.profile.tier == on_wine::TIER {
        let Some(wine) = on_wine::kit(workspace)? else {
            return Ok(None);
        };
        wine.collect(kit.path())?;
        let program = host::wine_guest(workspace)?;
        fs::copy(&program, kit.path().join("wine-guest"))?;
    }
    Ok(Some(kit))
}

/// Says what is done now.
fn step(what: &str) {
    say(format!("stress: {what}"));
}

/// Brings all there is into the guest; answers what is worth knowing of it.
fn make_ready(
    session: &mut Session<'_>,
    kit: &Path,
) -> Result<serde_json::Map<String, serde_json::Value>> {
    step("push the package");
    session.push(kit)?;
    step("set the guest up for a crash, and restart it");
    session.prepare()?;
    let facts = session.facts()?.into_iter();
    Ok(facts
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect())
}

/// One run, from the machine's start to its end.
fn one(workspace: &Workspace, runs: &Runs<'_>, kit: &Path, seed: u64) -> Result<Ran> {
    let Runs { plan, guest, .. } = runs;
    step(&format!("boot {}", guest.name));
    let mut session = Session::open(guest, &machines::home(workspace))?;
    let ready = make_ready(&mut session, kit);
    let facts = match ready {
        Ok(more) => Facts {
            name: guest.name.clone(),
            profile: guest.profile.name,
            accelerator: session.accelerator(),
            more,
        },
        Err(error) => return Err(session.fail(error)),
    };
    step(&format!("run {} cycles", plan.cycles));
    // The guest's own end of patience comes first: it knows what hangs.
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
    let mut told = None;
    let mut done = 0;
    let mut progress = Progress::new("stress", "cycles", plan.cycles);
    let started = Instant::now();
    let end = session.stress(&arguments, |line| match serde_json::from_str(line) {
        Ok(Line::Progress(cycles)) => {
            done = cycles;
            progress.show(cycles);
        }
        Ok(Line::Report(report)) => told = Some(*report),
        // Other lines are for those who run the program by themselves.
        Ok(Line::Event(_)) | Err(_) => {}
    })?;
    progress.end();
    let reported = told.is_some();
    let mut report = told.unwrap_or_else(|| {
        let mut report = Report::new(TIER, seed, plan.cycles);
        report.cycles_done = done;
        report.took(started.elapsed());
        report
    });
    let home = session.home().to_owned();
    match end {
        End::Exited(_) if reported => {}
        End::Exited(2) => {
            let why = refusal(&home.join(LOG));
            session.close(true)?;
            bail!("{why}; what the guest said is in {}", home.display());
        }
        End::Exited(status) => {
            let what = format!("the program ended with {status} in the guest and no report");
            report.add_finding(Finding::bare("lost", what, seed, plan.first + done));
        }
        End::Trouble(Trouble::Interrupted) => {
            session.close(false)?;
            bail!(
                "interrupted after {done} of {} cycles: the guest is gone",
                plan.cycles
            );
        }
        End::Trouble(trouble) => {
            step(&trouble.to_string());
            blame(&mut report, &trouble, &home, plan.first);
        }
    }
    let keep = runs.keep || !report.findings.is_empty();
    step("shut the guest down");
    Ok(Ran {
        report,
        facts,
        closed: session.close(keep),
        home: keep.then_some(home),
    })
}

/// Why the program did not begin.
fn refusal(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let said = log.lines().find_map(|line| line.strip_prefix("error: "));
    said.or_else(|| log.lines().next_back())
        .unwrap_or("the program refused and said nothing")
        .to_owned()
}

/// Adds who is to blame, as far as what a crash has left tells.
fn blame(report: &mut Report, trouble: &Trouble, home: &Path, first: u64) {
    let cycle = first + report.cycles_done;
    let bare = Finding::bare(trouble.code(), trouble.to_string(), report.seed, cycle);
    let dump = home.join(DUMP);
    if !dump.is_file() {
        report.add_finding(bare);
    } else if let Ok(Some(told)) = bug_check(&dump) {
        report.add_finding(Finding {
            code: format!("{:#X}", told.code),
            parameters: Some(told.parameters),
            what: format!("{trouble}; `!analyze -v` in a debugger names the driver"),
            ..bare
        });
    } else if let Ok(dump) = of_wine(&dump) {
        report.cycles_done = dump.cycles_done;
        report.add_finding(dump.finding);
    } else {
        let what = format!("{trouble}; its {DUMP} cannot be read");
        report.add_finding(Finding { what, ..bare });
    }
}

/// The dump that the rehearsal leaves.
fn of_wine(dump: &Path) -> Result<Dump> {
    Ok(serde_json::from_str(&fs::read_to_string(dump)?)?)
}

/// Refuses what a run on a machine cannot be told.
pub(super) fn check(repeat: u64, seed: Option<u64>, cycles: u64) -> Result<()> {
    ensure!(
        repeat > 0,
        "--repeat 0 would run nothing: ask for at least 1"
    );
    ensure!(
        cycles.checked_mul(repeat).is_some(),
        "--cycles and --repeat together exceed 64 bits: use smaller numbers"
    );
    ensure!(
        seed.unwrap_or(0).checked_add(repeat).is_some(),
        "--seed and --repeat together exceed 64 bits: use smaller numbers"
    );
    Ok(())
}
