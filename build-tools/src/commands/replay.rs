// SPDX-License-Identifier: MIT OR Apache-2.0

//! `replay`: runs the cycle of a finding again, and prints every event.
//!
//! A replay line is one word: `key=value` pairs separated by commas.
//!
//! | key | value |
//! |---|---|
//! | `seed` | the seed of all random choices |
//! | `cycle` | the number of the cycle |
//! | `provider`, `client` | an image that overrides the driver built here: a path, or `zoo:NAME` for a module of the zoo, `zoo:NAME-twin` for its corrected twin |
//! | `driver` | a driver in the role that it registers, instead of a provider and a client; may be given several times |
//! | `script` | what the cycle does; drawn from the seed by default. `+p.+c~250.-p-c` loads the provider, loads the client, waits 250 us, unloads both at the same time; `+c2` is a second client, `-c@idle` unloads it once it is idle |
//! | `schedule` | which thread runs after which scheduling decision; drawn from the seed by default. `12:3.57:1`, or `none` if each thread runs until it waits |
//! | `kernel` | `documents`, `windows` or `both`; by default `both`, or `windows` with other images than those built here |
//! | any other | an option of the simulated kernel: `preempt` becomes `--preempt`, `strategy=pct` `--strategy=pct` |
//!
//! The exit status is 1 if the finding is reproduced, 0 if nothing is found, 2 if the
//! cycle is cut short by something that the simulated kernel does not provide.

mod minimise;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use clap::Args;

use crate::building::drivers;
use crate::prerequisites::{self, Purpose};
use crate::simulator::{self, ImageSource, OTHERS, ReplayLine, Simulator};
use crate::terminal::{Outcome, print};
use crate::trace;
use crate::workspace::{Workspace, artifact};
use crate::zoo::{Catalogue, Workshop};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Replay line of a finding, such as seed=7,cycle=3
    line: ReplayLine,
    /// Search for the shortest trace with the same finding, and print its replay line.
    #[arg(long)]
    minimise: bool,
    /// Write the events to this file, too, in the trace event format of Chrome and
    /// Perfetto, which ui.perfetto.dev shows.
    #[arg(long, value_name = "FILE", conflicts_with = "minimise")]
    trace_json: Option<PathBuf>,
    /// Draw the end of the cycle as a sequence diagram in this SVG file, too.
    #[arg(long, value_name = "FILE", conflicts_with = "minimise")]
    diagram: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let line = &arguments.line;
    for (option, path) in [
        ("--trace-json", &arguments.trace_json),
        ("--diagram", &arguments.diagram),
    ] {
        if let Some(path) = path {
            artifact::check_writable_for(option, path)?;
        }
    }
    let workspace = Workspace::find()?;
    let needs_zoo = line
        .images()
        .flatten()
        .chain(&line.drivers)
        .any(|image| matches!(image, ImageSource::Zoo(_)));
    if needs_zoo {
        match prerequisites::ensure(Purpose::Check)? {
            Outcome::Done => {}
            other => return Ok(other),
        }
    }
    let is_pair = line.drivers.is_empty();
    if is_pair && line.images().any(|image| image.is_none()) {
        let built = drivers::set_up_and_build()?;
        if built != Outcome::Done {
            return Ok(built);
        }
    }
    let images = if is_pair {
        Images::Pair([
            image(&workspace, "provider", line.provider.as_ref())?,
            image(&workspace, "client", line.client.as_ref())?,
        ])
    } else {
        let drivers = line.drivers.iter();
        let drivers: Result<Vec<_>> = drivers.map(|source| file(&workspace, source)).collect();
        Images::Drivers(drivers?)
    };
    let simulator = Simulator::build(&workspace)?;
    let own = is_pair && line.images().all(|image| image.is_none());
    let command = |line: &ReplayLine| {
        let mut command = images.command(&simulator);
        if own {
            simulator::add_framework_drivers(&mut command, &workspace);
        } else if !line.names_kernel() {
            command.arg(format!("--kernel={OTHERS}"));
        }
        command.args(line.arguments()).args(["--cycles", "1"]);
        command
    };
    print(format!("replay: {line}"));
    if arguments.minimise {
        return minimise::run(line, &command);
    }
    if arguments.trace_json.is_none() && arguments.diagram.is_none() {
        return simulator::trace(&mut command(line));
    }
    write_files(&mut command(line), arguments)
}

/// The images of a replay line.
enum Images {
    /// A provider and a client.
    Pair([PathBuf; 2]),
    /// Drivers in the roles that they register.
    Drivers(Vec<PathBuf>),
}

impl Images {
    /// A command that runs them.
    fn command(&self, simulator: &Simulator) -> Command {
        match self {
            Self::Pair([provider, client]) => simulator.command(provider, client),
            Self::Drivers(drivers) => simulator.command_with(drivers),
        }
    }
}

/// Prints the events of the cycle, and writes the files that are asked for.
fn write_files(command: &mut Command, arguments: &Arguments) -> Result<Outcome> {
    let Arguments {
        trace_json,
        diagram,
        ..
    } = arguments;
    let trace = trace::events_of(command)?;
    trace.print();
    if let Some(path) = trace_json {
        trace.write_json(path)?;
        let events = trace.events.len();
        print(format!(
            "{events} events: open {} in ui.perfetto.dev",
            path.display()
        ));
    }
    if let Some(path) = diagram {
        artifact::write(path, trace::diagram::svg(&trace.events).as_bytes())?;
        print(format!(
            "sequence diagram: open {} in a browser",
            path.display()
        ));
    }
    trace.outcome()
}

/// The path of the image of `role`.
fn image(workspace: &Workspace, role: &str, source: Option<&ImageSource>) -> Result<PathBuf> {
    let name = match source {
        None => return Ok(workspace.driver(role)),
        Some(ImageSource::File(path)) => return Ok(path.clone()),
        Some(ImageSource::Zoo(name)) => name,
    };
    let recipe = Catalogue::read(workspace)?.recipe(name)?;
    let actual = recipe.role.name();
    ensure!(
        actual == role,
        "zoo:{name} is a {actual}, not a {role}: write {actual}=zoo:{name}"
    );
    Workshop::open(workspace)?.make(&recipe)
}

/// The path of an image in the role that it registers.
fn file(workspace: &Workspace, source: &ImageSource) -> Result<PathBuf> {
    match source {
        ImageSource::File(path) => Ok(path.clone()),
        ImageSource::Zoo(name) => {
            let recipe = Catalogue::read(workspace)?.recipe(name)?;
            Workshop::open(workspace)?.make(&recipe)
        }
    }
}
