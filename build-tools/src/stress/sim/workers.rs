// SPDX-License-Identifier: MIT OR Apache-2.0

//! Worker processes: starts them, collects their output, and judges how they ended.
//!
//! A worker never outlives this process: on Linux it asks the kernel for that. After
//! Ctrl-C each worker ends its cycle and reports what it has done.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use child::interrupt::{self, interrupted};
use scenarios::{MissingImports, Report};
use serde::Deserialize;

use super::{Job, SimulatedRun};
use crate::simulator;
use crate::terminal::Progress;

/// The interval between two looks for a signal.
const POLLING: Duration = Duration::from_millis(100);
/// The time that a worker has to end its cycle after a signal.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a worker ended.
pub(super) enum WorkerEnd {
    /// It ran all its cycles.
    Reported(Box<Report>),
    /// It refused to begin: the reason, in one line.
    Refused(String),
    /// It crashed or was killed: what is known, in one line.
    Died(String),
    /// A signal has asked it to end, and it did not in time: its cycles are lost.
    Killed,
}

/// How all workers ended.
pub(super) struct AllEnded {
    pub(super) ends: Vec<WorkerEnd>,
    /// What each worker reached first.
    pub(super) reached: Vec<Reached>,
}

/// What a worker had not reached before a cycle.
#[derive(Debug, Deserialize)]
pub(crate) struct Reached {
    pub(crate) cycle: u64,
    pub(crate) what: Vec<String>,
}

/// A line of a worker's output.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WorkerOutput {
    /// The number of cycles done.
    Progress(u64),
    /// What an image imports that the simulated kernel does not provide.
    MissingImports {
        image: String,
        imports: MissingImports,
    },
    /// What --reached asks for.
    Reached(Reached),
    /// The report, at the end.
    Report(Box<Report>),
}

/// A line that a worker printed.
struct Message {
    worker: usize,
    line: String,
}

/// The worker processes; those still running are killed on drop.
struct Workers(Vec<Child>);

impl Workers {
    fn kill(&mut self) {
        for child in &mut self.0 {
            // An error means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs all jobs at once to their end, and shows the progress.
pub(super) fn run(
    run: &SimulatedRun<'_>,
    jobs: &[Job],
    mut progress: Progress,
) -> Result<AllEnded> {
    let (sender, receiver) = mpsc::channel();
    let mut workers = Workers(Vec::new());
    let mut errors = Vec::new();
    for (worker, job) in jobs.iter().enumerate() {
        let mut child = start(run, *job)?;
        listen(&mut child, worker, &sender);
        errors.push(collect_errors(&mut child));
        workers.0.push(child);
    }
    drop(sender);

    let mut reached = Vec::new();
    let mut done = vec![0; jobs.len()];
    let mut reports: Vec<_> = jobs.iter().map(|_| None).collect();
    let mut asked = None;
    loop {
        let message = receiver.recv_timeout(POLLING);
        progress.show(done.iter().sum());
        if interrupted() && asked.is_none() {
            asked = Some(Instant::now());
            workers.0.iter().for_each(interrupt::pass_on);
        }
        let Message { worker, line } = match message {
            Ok(message) => message,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if asked.is_some_and(|asked| asked.elapsed() > PATIENCE) {
                    workers.kill();
                }
                continue;
            }
        };
        match serde_json::from_str(&line) {
            Ok(WorkerOutput::Progress(cycles)) => done[worker] = cycles,
            Ok(WorkerOutput::MissingImports { image, imports }) => {
                // Each worker loads the same images.
                if worker == 0 {
                    progress.print_above(&imports.line(&image));
                }
            }
            Ok(WorkerOutput::Reached(first)) => reached.push(first),
            Ok(WorkerOutput::Report(report)) => {
                done[worker] = report.cycles_done;
                reports[worker] = Some(report);
            }
            Err(_) => progress.print_above(&line),
        }
    }
    progress.end();

    let mut ends = Vec::new();
    for (worker, job) in jobs.iter().enumerate() {
        let status = workers.0[worker]
            .wait()
            .context("a worker cannot be waited for")?;
        let errors = errors.remove(0).join().unwrap_or_default();
        ends.push(judge(
            *job,
            status,
            reports[worker].take(),
            &errors,
            done[worker],
        ));
    }
    Ok(AllEnded { ends, reached })
}

fn start(run: &SimulatedRun<'_>, job: Job) -> Result<Child> {
    let mut command = run.command(job);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().with_context(simulator::cannot_run)
}

/// Sends on each line that a worker prints.
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

/// Collects what a worker prints to stderr.
fn collect_errors(child: &mut Child) -> thread::JoinHandle<String> {
    let mut errors = child.stderr.take().expect("it is piped");
    thread::spawn(move || {
        let mut text = Vec::new();
        // After a read error, what was read so far is used.
        let _ = errors.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

fn judge(
    job: Job,
    status: ExitStatus,
    report: Option<Box<Report>>,
    errors: &str,
    done: u64,
) -> WorkerEnd {
    match (status.code(), report) {
        // 2 with a report: cycles were cut short.
        (Some(0..=2), Some(report)) => WorkerEnd::Reported(report),
        (Some(2), None) => {
            let line = errors
                .lines()
                .next()
                .unwrap_or("a worker refused without a reason");
            WorkerEnd::Refused(simulator::error_of(line).to_owned())
        }
        (None, None) if interrupted() => WorkerEnd::Killed,
        _ => {
            let (first, last) = (job.first, job.first + (job.cycles - 1));
            let near = first + done;
            let printed = child::last_lines(errors);
            WorkerEnd::Died(format!(
                "the worker for cycles {first} to {last} died ({status}) in cycle {near} or \
                 soon after: {printed}"
            ))
        }
    }
}
