// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of modules in the simulated kernel.

mod junit;
mod result;
mod row;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use child::interrupt::{Graceful, interrupted};
use registrar::knobs::{Kernel, KernelChoice};
use scenarios::{Finding, Report};
use serde::Deserialize;

use super::catalogue::{Catalogue, Module, Role, Symptom};
use super::workshop::Workshop;
use crate::simulator::{self, ImageSource, ReplayLine, Simulator};
use crate::terminal::{Progress, Waiting, print};
use crate::workspace::Workspace;
pub(crate) use result::{ResultPaths, Tried, judge};
use row::Row;

/// Everything that trials need.
pub(crate) struct Trials<'a> {
    simulator: Simulator,
    workspace: &'a Workspace,
    workshop: Workshop,
    /// The peers that some defects need instead of the pair's driver, by name.
    peers: BTreeMap<String, PathBuf>,
    seed: u64,
    budget: Budget,
}

/// The number of schedules in which a module is tried.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    /// In which the defect must be found; the trial ends with the first finding.
    pub(crate) defective: u64,
    /// In which nothing may be found.
    pub(crate) clean: u64,
}

/// The interval between two looks at the progress.
const POLLING: Duration = Duration::from_millis(100);

/// The kernel in which each defect must be found, and the one in which it may be none.
const DOCUMENTS: KernelChoice = KernelChoice::One(Kernel::Documents);
const WINDOWS: KernelChoice = KernelChoice::One(Kernel::Windows);

/// The two images of a run, and the options it takes.
struct Pairing<'a> {
    module: &'a Module,
    image: &'a Path,
    options: Vec<String>,
}

/// The last line that the simulated kernel prints.
#[derive(Deserialize)]
struct Last {
    report: Report,
}

impl<'a> Trials<'a> {
    /// Builds the peers; the drivers must have been built.
    pub(crate) fn new(
        workspace: &'a Workspace,
        catalogue: &Catalogue,
        seed: u64,
        budget: Budget,
    ) -> Result<Self> {
        let waiting = Waiting::on("building what the modules of the zoo share");
        let workshop = Workshop::open(workspace)?;
        let peers = catalogue.peers().iter().map(|peer| {
            let image = workshop.make(&peer.recipe())?;
            Ok((peer.name.clone(), image))
        });
        let peers = peers.collect::<Result<_>>()?;
        drop(waiting);
        Ok(Self {
            simulator: Simulator::new(workspace),
            workspace,
            workshop,
            peers,
            seed,
            budget,
        })
    }

    /// Tries the modules in parallel, and prints their rows in order.
    pub(crate) fn try_all(&self, modules: &[&Module]) -> Tried {
        let started = Instant::now();
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let mut rows = Vec::new();
        print(Row::heading());
        let mut progress = Progress::new("zoo", "modules", modules.len() as u64);
        let _graceful = Graceful::begin();
        thread::scope(|scope| {
            for _ in 0..processors {
                let sender = sender.clone();
                let next = &next;
                scope.spawn(move || {
                    while let Some(module) = modules.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let row = self.try_one(module);
                        // After a signal the runs of a module have ended early.
                        if interrupted() || sender.send((&module.name, row)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut early = BTreeMap::new();
            loop {
                match receiver.recv_timeout(POLLING) {
                    Ok((name, row)) => drop(early.insert(name, row)),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                progress.show((rows.len() + early.len()) as u64);
                while let Some((name, row)) = modules
                    .get(rows.len())
                    .and_then(|module| early.remove_entry(&module.name))
                {
                    // One that cannot be tried, as its source does not compile, is no reason to
                    // lose the others.
                    let row = row.map_err(|error| format!("{name}: not tried: {error:#}"));
                    let line = row.as_ref().map_or_else(Clone::clone, Row::to_string);
                    progress.print_above(&line);
                    rows.push(row);
                }
            }
        });
        progress.end();
        Tried {
            rows,
            names: result::names(modules),
            took: started.elapsed(),
        }
    }

    fn try_one(&self, module: &Module) -> Result<Row> {
        let defective = self.workshop.make(&module.recipe(true))?;
        let corrected = self.workshop.make(&module.recipe(false))?;
        let pairing = |image, kernel| Pairing {
            module,
            image,
            options: module.triggered_in(kernel),
        };
        let Budget {
            defective: until_found,
            clean: all_clean,
        } = self.budget;
        let found = self.search(&pairing(&defective, DOCUMENTS), until_found)?;
        let on_windows = match &module.windows {
            None => until_found,
            Some(_) => all_clean,
        };
        let on_windows = self.search(&pairing(&defective, WINDOWS), on_windows)?;
        let clean = self.search(&pairing(&corrected, KernelChoice::Both), all_clean)?;
        let mut unsupported = [&found, &on_windows, &clean]
            .into_iter()
            .flat_map(|run| &run.unsupported)
            .next()
            .cloned();
        let mut untriggered = None;
        if module.trigger().is_some() {
            let options = module.settings_in(KernelChoice::Both);
            let unaided = Pairing {
                module,
                image: &defective,
                options,
            };
            let run = self.search(&unaided, all_clean)?;
            untriggered = run.findings.into_iter().next();
            unsupported = unsupported.or_else(|| run.unsupported.into_iter().next());
        }
        let finding = found.findings.into_iter().next();
        let replay = finding
            .as_ref()
            .map(|it| replay_line(module, it).to_string());
        let replays = match (&replay, &finding) {
            (Some(line), Some(finding)) => self.replays(module, &defective, line, finding)?,
            _ => false,
        };
        let symptom = finding.as_ref().and_then(|it| symptom(module, it));
        let on_windows = on_windows.findings.into_iter().next();
        Ok(Row {
            name: module.name.clone(),
            defect: module.defect.clone(),
            sources: module.sources.clone(),
            schedules: finding.as_ref().map(|_| found.cycles_done),
            replay,
            replays,
            expected: symptom.is_some(),
            expected_on_windows: match &on_windows {
                Some(finding) => self::symptom(module, finding).is_some(),
                None => module.windows.is_some(),
            },
            no_defect_on_windows: module.windows.clone(),
            on_windows,
            why: symptom.map_or_else(String::new, |symptom| symptom.why.clone()),
            finding,
            untriggered,
            unsupported,
            twin_schedules: clean.cycles_done,
            false_alarm: clean.findings.into_iter().next(),
        })
    }

    /// Runs an image against its peer, until something is found.
    fn search(&self, pairing: &Pairing<'_>, schedules: u64) -> Result<Report> {
        let mut options = pairing.options.clone();
        options.extend([
            format!("--seed={}", self.seed),
            format!("--cycles={schedules}"),
            "--until-found".to_owned(),
        ]);
        let output = self.run(pairing.module, pairing.image, &options)?;
        let text = String::from_utf8_lossy(&output.stdout);
        match serde_json::from_str(text.lines().last().unwrap_or_default()) {
            Ok(Last { report }) => Ok(report),
            Err(_) => bail!(
                "{}: the simulated kernel exited with {} and without a report: {}",
                pairing.image.display(),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            ),
        }
    }

    /// Returns `true` if the replay line shows the finding, twice with the same trace.
    fn replays(
        &self,
        module: &Module,
        image: &Path,
        line: &str,
        finding: &Finding,
    ) -> Result<bool> {
        let line: ReplayLine = line.parse().map_err(anyhow::Error::msg)?;
        let mut options = line.arguments();
        options.extend(["--cycles=1", "--trace"].map(str::to_owned));
        let once = self.run(module, image, &options)?.stdout;
        let again = self.run(module, image, &options)?.stdout;
        let has_finding = String::from_utf8_lossy(&once)
            .trim_end()
            .ends_with(&finding.to_string());
        Ok(once == again && has_finding)
    }

    fn run(&self, module: &Module, image: &Path, options: &[String]) -> Result<Output> {
        ensure!(!interrupted(), "a signal has ended the trials");
        let role = module.role.peer().name();
        let peer = match &module.peer {
            Some(name) => self.peers.get(name).cloned().with_context(|| {
                format!(
                    "{} needs {name}, which is not a [[peer]]: add it",
                    module.name
                )
            })?,
            None => self.workspace.driver(role),
        };
        let mut command = match module.role {
            Role::Provider => self.simulator.command(image, &peer),
            Role::Client => self.simulator.command(&peer, image),
        };
        simulator::output(command.args(options))
    }
}

/// The symptom of the module's defect that a finding is.
fn symptom<'a>(module: &'a Module, finding: &Finding) -> Option<&'a Symptom> {
    let own = finding.driver == format!("{}.sys", module.name);
    let mut symptoms = module.symptoms.iter().filter(|_| own);
    symptoms.find(|symptom| symptom.matches(finding))
}

/// The replay line of a finding.
fn replay_line(module: &Module, finding: &Finding) -> ReplayLine {
    let mut line = ReplayLine::new(finding.seed, finding.cycle);
    let zoo = |name: &String| ImageSource::Zoo(name.clone());
    let (own, peer) = (zoo(&module.name), module.peer.as_ref().map(zoo));
    (line.provider, line.client) = match module.role {
        Role::Provider => (Some(own), peer),
        Role::Client => (peer, Some(own)),
    };
    line.options = module.triggered_in(DOCUMENTS);
    line
}
