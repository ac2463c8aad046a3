// SPDX-License-Identifier: MIT OR Apache-2.0

//! One module put to the test, and what comes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use scenarios::{Finding, Report};
use serde::Deserialize;

use super::catalogue::{Catalogue, Face, Module, Role};
use super::row::Row;
use super::workshop::Workshop;
use crate::host;
use crate::replay::{Image, Line};
use crate::workspace::Workspace;

/// What trials need.
pub(super) struct Bench {
    sim: PathBuf,
    drivers: PathBuf,
    workshop: Workshop,
    /// The right modules that some defects need as their peer, by name.
    peers: BTreeMap<String, PathBuf>,
    seed: u64,
    schedules: u64,
}

/// The two images of a run, and the options it takes.
struct Pairing<'a> {
    module: &'a Module,
    image: &'a Path,
    options: Vec<String>,
}

/// What `sim` prints last.
#[derive(Deserialize)]
struct Last {
    report: Report,
}

impl Bench {
    /// Builds the simulated kernel and the peers; the drivers must be there.
    pub(super) fn new(
        workspace: &Workspace,
        catalogue: &Catalogue,
        seed: u64,
        schedules: u64,
    ) -> Result<Self> {
        let workshop = Workshop::open(workspace)?;
        let peers = catalogue.peer.iter().map(|peer| {
            let image = workshop.make(&peer.recipe())?;
            Ok((peer.name.clone(), image))
        });
        let peers = peers.collect::<Result<_>>()?;
        Ok(Self {
            sim: host::sim(workspace)?,
            drivers: workspace.drivers(),
            workshop,
            peers,
            seed,
            schedules,
        })
    }

    pub(super) fn try_one(&self, module: &Module) -> Result<Row> {
        let defective = self.workshop.make(&module.recipe(true))?;
        let twin = self.workshop.make(&module.recipe(false))?;
        let all = [module.setting(), module.triggers()].concat();
        let pairing = |image, options| Pairing {
            module,
            image,
            options,
        };
        let found = self.search(&pairing(&defective, all.clone()))?;
        let clean = self.search(&pairing(&twin, all))?;
        let mut untriggered = None;
        if !module.triggers().is_empty() {
            let run = self.search(&pairing(&defective, module.setting()))?;
            untriggered = run.findings.into_iter().next();
        }
        let finding = found.findings.into_iter().next();
        let replay = finding.as_ref().map(|it| line(module, it).to_string());
        let replays = match (&replay, &finding) {
            (Some(line), Some(finding)) => self.replays(module, &defective, line, finding)?,
            _ => false,
        };
        let face = finding.as_ref().and_then(|it| face(module, it));
        Ok(Row {
            name: module.name.clone(),
            defect: module.defect.clone(),
            sources: module.sources.clone(),
            schedules: finding.as_ref().map(|_| found.cycles_done),
            replay,
            replays,
            expected: face.is_some(),
            why: face.map_or_else(String::new, |face| face.why.clone()),
            finding,
            untriggered,
            twin_schedules: clean.cycles_done,
            false_alarm: clean.findings.into_iter().next(),
        })
    }

    /// Runs an image against its counterpart, until something is found.
    fn search(&self, pairing: &Pairing<'_>) -> Result<Report> {
        let mut options = pairing.options.clone();
        options.extend([
            format!("--seed={}", self.seed),
            format!("--cycles={}", self.schedules),
            "--until-found".to_owned(),
        ]);
        let output = self.run(pairing.module, pairing.image, &options)?;
        let text = String::from_utf8_lossy(&output.stdout);
        match serde_json::from_str(text.lines().last().unwrap_or_default()) {
            Ok(Last { report }) => Ok(report),
            Err(_) => bail!(
                "{}: the simulated kernel ended with {} and no report: {}",
                pairing.image.display(),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            ),
        }
    }

    /// Whether the line alone shows the finding, twice with the same trace.
    fn replays(
        &self,
        module: &Module,
        image: &Path,
        line: &str,
        finding: &Finding,
    ) -> Result<bool> {
        let line: Line = line.parse().map_err(anyhow::Error::msg)?;
        let mut options = line.arguments();
        options.extend(["--cycles=1", "--trace"].map(str::to_owned));
        let once = self.run(module, image, &options)?.stdout;
        let again = self.run(module, image, &options)?.stdout;
        let ends_so = String::from_utf8_lossy(&once)
            .trim_end()
            .ends_with(&finding.to_string());
        Ok(once == again && ends_so)
    }

    fn run(&self, module: &Module, image: &Path, options: &[String]) -> Result<Output> {
        let role = module.role.peer().name();
        let peer = match &module.peer {
            Some(name) => self.peers.get(name).cloned().with_context(|| {
                format!("{} needs {name}, which is no [[peer]]: add it", module.name)
            })?,
            None => self.drivers.join(role).with_extension("sys"),
        };
        let program = self.sim.display();
        Command::new(&self.sim)
            .arg(format!("--{}", module.role.name()))
            .arg(image)
            .arg(format!("--{role}"))
            .arg(peer)
            .args(options)
            .output()
            .with_context(|| format!("{program} cannot be run: see that it may be executed"))
    }
}

/// The face under which a finding shows the module's defect.
fn face<'a>(module: &'a Module, finding: &Finding) -> Option<&'a Face> {
    let own = finding.driver == format!("{}.sys", module.name);
    let mut faces = module.faces.iter().filter(|_| own);
    faces.find(|face| face.shows(finding))
}

/// The line that shows a finding again.
fn line(module: &Module, finding: &Finding) -> Line {
    let mut line = Line::new(finding.seed, finding.cycle);
    let zoo = |name: &String| Image::Zoo(name.clone());
    let (own, peer) = (zoo(&module.name), module.peer.as_ref().map(zoo));
    (line.provider, line.client) = match module.role {
        Role::Provider => (Some(own), peer),
        Role::Client => (peer, Some(own)),
    };
    line.options = [module.setting(), module.triggers()].concat();
    line
}
