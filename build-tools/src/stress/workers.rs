// SPDX-License-Identifier: MIT OR Apache-2.0

//! Worker processes: started together, listened to, and heard out.
//!
//! A worker ends with this process: on Linux it asks the kernel for that, and a
//! terminal sends Ctrl-C to both.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::{Context, Result};
use scenarios::Report;
use serde::Deserialize;

use super::{Plan, framework_arguments};
use crate::progress::Progress;

/// A worker's share.
pub(super) struct Job<'a> {
    pub(super) plan: &'a Plan,
    pub(super) first: u64,
    pub(super) cycles: u64,
}

impl Job<'_> {
    /// The worker's command line.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.plan.sim);
        command.arg("--provider").arg(&self.plan.provider);
        command.arg("--client").arg(&self.plan.client);
        command.args(self.plan.framework.iter().flat_map(framework_arguments));
        for (name, value) in [
            ("--seed", self.plan.seed),
            ("--first", self.first),
            ("--cycles", self.cycles),
        ] {
            command.arg(name).arg(value.to_string());
        }
        command.args(&self.plan.options);
        command
    }
}

/// How a worker ended.
pub(super) enum Ended {
    /// It has run all its cycles.
    Reported(Box<Report>),
    /// It could not begin; why, in one line.
    Refused(String),
    /// Something killed it; what is known, in one line.
    Died(String),
}

/// A line of a worker's output.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// How many of its cycles are done.
    Progress(u64),
    /// The end.
    Report(Box<Report>),
}

/// A worker that has something to say.
struct Message {
    worker: usize,
    line: String,
}

/// The workers that have not been waited for die with this value.
struct Crew(Vec<Child>);

impl Drop for Crew {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs all jobs at once to their end, and shows how far they are of `total`.
pub(super) fn run(jobs: &[Job<'_>], total: u64) -> Result<Vec<Ended>> {
    let (sender, receiver) = mpsc::channel();
    let mut crew = Crew(Vec::new());
    let mut errors = Vec::new();
    for (worker, job) in jobs.iter().enumerate() {
        let mut child = start(job)?;
        listen(&mut child, worker, &sender);
        errors.push(collect_errors(&mut child));
        crew.0.push(child);
    }
    drop(sender);

    let mut progress = Progress::new("stress", "cycles", total);
    let mut done = vec![0; jobs.len()];
    let mut reports: Vec<_> = jobs.iter().map(|_| None).collect();
    for Message { worker, line } in receiver {
        match serde_json::from_str(&line) {
            Ok(Line::Progress(cycles)) => done[worker] = cycles,
            Ok(Line::Report(report)) => {
                done[worker] = report.cycles_done;
                reports[worker] = Some(report);
            }
            Err(_) => progress.say(&line),
        }
        progress.show(done.iter().sum());
    }
    progress.end();

    let mut ends = Vec::new();
    for (worker, job) in jobs.iter().enumerate() {
        let status = crew.0[worker]
            .wait()
            .context("a worker cannot be waited for")?;
        let errors = errors.remove(0).join().unwrap_or_default();
        ends.push(judge(
            job,
            status,
            reports[worker].take(),
            &errors,
            done[worker],
        ));
    }
    Ok(ends)
}

fn start(job: &Job<'_>) -> Result<Child> {
    let mut command = job.command();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let program = job.plan.sim.display();
    command
        .spawn()
        .with_context(|| format!("{program} cannot be run: see that it may be executed"))
}

/// Passes on each line that a worker prints.
fn listen(child: &mut Child, worker: usize, sender: &Sender<Message>) {
    let output = child.stdout.take().expect("it is piped");
    let sender = sender.clone();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(Message { worker, line }).is_err() {
                return;
            }
        }
    });
}

/// Keeps what a worker has to complain about.
fn collect_errors(child: &mut Child) -> thread::JoinHandle<String> {
    let mut errors = child.stderr.take().expect("it is piped");
    thread::spawn(move || {
        let mut text = Vec::new();
        // What was read before an error is all there is.
        let _ = errors.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

fn judge(
    job: &Job<'_>,
    status: ExitStatus,
    report: Option<Box<Report>>,
    errors: &str,
    done: u64,
) -> Ended {
    match (status.code(), report) {
        (Some(0 | 1), Some(report)) => Ended::Reported(report),
        (Some(2), _) => {
            let line = errors
                .lines()
                .next()
                .unwrap_or("a worker refused and said nothing");
            Ended::Refused(line.trim_start_matches("error: ").to_owned())
        }
        _ => {
            let (first, last) = (job.first, job.first + (job.cycles - 1));
            let near = first + done;
            let said = tail(errors);
            Ended::Died(format!(
                "the worker for cycles {first} to {last} died ({status}) in cycle {near} or \
                 soon after: {said}"
            ))
        }
    }
}

/// The end of what a worker said.
fn tail(errors: &str) -> String {
    /// So many lines tell enough.
    const LINES: usize = 5;
    let lines: Vec<_> = errors
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return "it said nothing".to_owned();
    }
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}
