// SPDX-License-Identifier: MIT OR Apache-2.0

//! `soak`: runs the drivers in the simulated kernel for hours, with options that change from
//! batch to batch.
//!
//! The state is kept in a directory and replaced as a whole after each batch, so that a soak
//! that was ended in any way continues with the interrupted batch. The cycles that were the
//! first to reach something are kept as replay lines, the corpus. Each start runs the corpus
//! first.

mod corpus;
mod state;
mod variation;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use child::interrupt::{Graceful, interrupted};
use clap::Args;

use super::stress;
use crate::stress::sim::SimulatedRun;
use crate::stress::{Inputs, RunEnd, StressPlan};
use crate::terminal::{
    self, PROGRAM, Progress, Verdict, Word, count, count_of, grouped, print, time,
};
use crate::workspace::Workspace;
use state::{Directory, State};

/// The time that a batch should take: what a kill may lose.
const BATCH: Duration = Duration::from_secs(10);
/// The largest number of cycles of a batch.
const MOST_CYCLES: u64 = 100_000;
/// The speed that is expected of the first batch, in cycles per second.
const FIRST_SPEED: f64 = 20.0;
/// The time between two lines of progress.
const LINE: Duration = Duration::from_mins(1);

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask soak --hours 8                                      over night
  cargo xtask soak --hours 1 --driver my.sys --peer auto          another driver
After a crash, a kill or Ctrl-C, the same command goes on where it was.")]
pub(crate) struct Arguments {
    /// Time to run, in hours; that of earlier starts of the same soak counts.
    #[arg(long, value_name = "H")]
    hours: f64,
    /// Number of processes that share the cycles [default: one per processor].
    #[arg(long, value_name = "J")]
    jobs: Option<u64>,
    /// Directory of the soak's state [default: target/soak].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    loaded: stress::Loaded,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    ensure!(
        arguments.hours > 0.0 && arguments.hours <= 1e6,
        "--hours {} is no time to run: ask for more than 0, such as 0.5",
        arguments.hours
    );
    ensure!(
        arguments.jobs != Some(0),
        "--jobs 0 would run nothing: ask for at least 1"
    );
    let workspace = Workspace::find()?;
    let asked = stress::Arguments::of(&arguments.loaded);
    let plan = match stress::planned(&workspace, &asked)? {
        Ok(plan) => plan,
        Err(verdict) => return Ok(verdict),
    };
    let _graceful = Graceful::begin();
    let place = arguments.state.clone();
    let directory = Directory::open(&place.unwrap_or_else(|| workspace.target().join("soak")))?;
    let inputs = Inputs::of(&plan, &workspace)?;
    let limit = Duration::from_secs_f64(arguments.hours * 3600.0);
    let state = begin(directory.read()?, inputs, plan.seed, limit);
    let mut soak = Soak {
        workspace: &workspace,
        plan,
        directory,
        state,
        limit,
        jobs: arguments.jobs.unwrap_or_else(processors),
        speed: FIRST_SPEED,
        due: Instant::now() + LINE,
    };
    soak.replay_corpus()?;
    while soak.state.took() < limit && !interrupted() {
        soak.run_batch()?;
    }
    soak.finish()
}

fn processors() -> u64 {
    std::thread::available_parallelism().map_or(1, usize::from) as u64
}

/// The state to go on with: what an earlier start has left, unless that soak has come to its
/// end or was of other drivers.
fn begin(kept: Option<State>, inputs: Inputs, seed: u64, limit: Duration) -> State {
    let Some(kept) = kept else {
        let limit = time(limit);
        print(format!(
            "soak: begins, {limit} from seed {seed} on; a line a minute"
        ));
        return State::new(inputs, seed);
    };
    let corpus = count_of(&kept.corpus, "cycle", "cycles");
    if let Some(what) = kept.inputs.difference(&inputs) {
        print(format!(
            "soak: begins again, with a corpus of {corpus}: different {what}"
        ));
    } else if kept.took() >= limit {
        print(format!(
            "soak: begins again, with a corpus of {corpus}: the last one has come to its end"
        ));
    } else {
        let (took, limit) = (time(kept.took()), time(limit));
        print(format!(
            "soak: goes on after {took} of {limit}, with a corpus of {corpus}"
        ));
        return kept;
    }
    let mut state = State::new(inputs, seed);
    state.corpus = kept.corpus;
    state
}

/// A soak that is under way.
struct Soak<'a> {
    workspace: &'a Workspace,
    plan: StressPlan,
    directory: Directory,
    state: State,
    limit: Duration,
    jobs: u64,
    /// Cycles per second of the batch before.
    speed: f64,
    /// When the next line of progress is due.
    due: Instant,
}

impl Soak<'_> {
    /// Runs each cycle of the corpus again.
    fn replay_corpus(&mut self) -> Result<()> {
        let corpus = self.state.corpus.clone();
        let mut replayed = 0;
        for kept in &corpus {
            if interrupted() {
                break;
            }
            let plan = kept.plan(&self.plan)?;
            self.run_plan(&plan, 1, &kept.line)?;
            replayed += 1;
        }
        if replayed > 0 {
            let findings = count_of(&self.state.report.findings, "finding", "findings");
            let cycles = count(replayed, "cycle", "cycles");
            print(format!("soak: {cycles} of the corpus replayed: {findings}"));
            self.directory.write(&self.state)?;
        }
        Ok(())
    }

    /// Runs the next batch, with options that are drawn for it.
    fn run_batch(&mut self) -> Result<()> {
        let variation = self.state.draw(self.plan.is_own_pair());
        let mut plan = self.plan.clone();
        let options = variation.options();
        // The kernel of the soak's plan, unless this one has its own.
        if options.iter().any(|it| it.starts_with("--kernel=")) {
            plan.options.retain(|it| !it.starts_with("--kernel="));
        }
        plan.options.extend(options);
        plan.seed = self.state.seed.wrapping_add(self.state.batches);
        let room = BATCH.min(self.limit.saturating_sub(self.state.took()));
        plan.cycles = cycles_in(room, self.speed).max(self.jobs);
        let name = variation.to_string();
        let reached = self.run_plan(&plan, self.jobs, &name)?;
        self.state.batches += 1;
        self.state.credit(&variation, reached);
        self.directory.write(&self.state)
    }

    /// Runs the cycles of a plan, and adds what they came to. Returns how much was reached
    /// for the first time.
    fn run_plan(&mut self, plan: &StressPlan, jobs: u64, name: &str) -> Result<u64> {
        let before = self.state.report.cycles_done;
        let line = {
            let (took, limit) = (self.state.took(), time(self.limit));
            let (began, findings) = (Instant::now(), self.state.report.findings.len());
            let (corpus, name) = (self.state.corpus.len(), name.to_owned());
            move |done: u64| {
                let took = time(took + began.elapsed());
                let cycles = count(before + done, "cycle", "cycles");
                let findings = count(findings as u64, "finding", "findings");
                let corpus = grouped(corpus as u64);
                format!("soak: {took} of {limit}: {cycles}, {findings}, corpus {corpus}; {name}")
            }
        };
        let mut due = self.due;
        let (told, next) = std::sync::mpsc::channel();
        let progress = Progress::Told(Box::new(move |done| {
            if Instant::now() >= due {
                due = Instant::now() + LINE;
                print(line(done));
                let _ = told.send(due);
            }
        }));
        let mut asking = plan.clone();
        asking.options.push("--reached".to_owned());
        let run = SimulatedRun::new(self.workspace, &asking);
        let ran = run.run(&plan.jobs(jobs.min(plan.cycles)), progress)?;
        self.due = next.try_iter().last().unwrap_or(self.due);
        if ran.report.cycles_per_second > 0.0 && plan.cycles > 1 {
            self.speed = ran.report.cycles_per_second;
        }
        for how in &ran.deaths {
            terminal::error(how);
        }
        Ok(self.state.add(ran, plan))
    }

    /// Prints the findings and the verdict.
    fn finish(self) -> Result<Verdict> {
        self.directory.write(&self.state)?;
        let mut report = self.state.report.clone();
        // There is no number of cycles to reach.
        report.cycles_requested = report.cycles_done;
        for finding in &report.findings {
            print(format!("{finding}"));
        }
        for kept in self.state.corpus.iter().filter(|it| it.is_finding()) {
            print(format!("  {PROGRAM} replay {}", kept.line));
        }
        let reached = self.state.corpus.iter().flat_map(|it| &it.reached).count();
        print(format!(
            "soak: {}, which reached {}; state in {}",
            count_of(&self.state.corpus, "cycle", "cycles") + " in the corpus",
            count(
                reached as u64,
                "transition or fault",
                "transitions and faults"
            ),
            self.workspace.shown(self.directory.path())
        ));
        let took = self.state.took();
        if interrupted() && took < self.limit {
            let cycles = count(report.cycles_done, "cycle", "cycles");
            let findings = count_of(&report.findings, "finding", "findings");
            let (took, limit) = (time(took), time(self.limit));
            let sentence =
                format!("{cycles} in {took} of {limit}: {findings}; the same command goes on");
            return Ok(Verdict::new(Word::Interrupted, sentence));
        }
        let end = RunEnd {
            took,
            deaths: self.state.deaths,
            interrupted: false,
        };
        Ok(SimulatedRun::new(self.workspace, &self.plan).verdict(&report, &end))
    }
}

/// How many cycles fit into a time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is positive, and a fraction of a cycle is none"
)]
fn cycles_in(time: Duration, speed: f64) -> u64 {
    ((time.as_secs_f64() * speed) as u64).clamp(1, MOST_CYCLES)
}
