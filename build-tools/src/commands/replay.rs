// SPDX-License-Identifier: MIT OR Apache-2.0

//! `replay`: runs the cycle of a finding again, and prints every event.
//!
//! `simulator/replay_keys.rs` has the grammar of a replay line. A malformed line is refused
//! before anything is built.
//!
//! The exit status is 1 if the finding is reproduced, 0 if nothing is found, and 2 if the
//! cycle is cut short because the simulated kernel lacks a function, or cannot follow the
//! line's schedule.

mod minimise;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use driver_image::DriverImage;

use crate::building::{drivers, interop};
use crate::prerequisites::{self, Purpose};
use crate::simulator::{self, ImageSource, OTHERS, ReplayLine, Simulator, Traced};
use crate::terminal::PROGRAM;
use crate::terminal::{Outcome, Verdict, print};
use crate::trace;
use crate::workspace::{OutputFiles, Workspace, artifact};
use crate::zoo::{Catalogue, Workshop};

/// What stands below the options in `--help`.
fn help() -> String {
    format!(
        "{}\nExamples:\n  \
         {PROGRAM} replay seed=7,cycle=3\n  \
         {PROGRAM} replay seed=1,cycle=0,client=zoo:missing_wait --minimise",
        simulator::grammar()
    )
}

#[derive(Args)]
#[command(after_help = help())]
pub(crate) struct Arguments {
    /// Replay line of a finding, such as seed=7,cycle=3
    line: String,
    /// Search for the shortest trace with the same finding, and print its replay line.
    #[arg(long)]
    minimise: bool,
    /// Write the events to this file, too, in the trace event format of Chrome and
    /// Perfetto, which ui.perfetto.dev shows.
    #[arg(long, value_name = "FILE")]
    trace_json: Option<PathBuf>,
    /// Draw the end of the cycle as a sequence diagram in this SVG file, too.
    #[arg(long, value_name = "FILE")]
    diagram: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    for (option, file) in [
        ("--trace-json", &arguments.trace_json),
        ("--diagram", &arguments.diagram),
    ] {
        ensure!(
            file.is_none() || !arguments.minimise,
            "--minimise writes no file: minimise first, then replay the line that it prints with \
             {option}"
        );
    }
    // Not by clap, which repeats a line as it is, with its control characters.
    let line: Result<ReplayLine, String> = arguments.line.parse();
    let line = &line.map_err(|why| anyhow!("{why}; see {PROGRAM} replay --help"))?;
    let mut files = OutputFiles::default();
    for image in line.images().flatten().chain(&line.drivers) {
        if let ImageSource::File(path) = image {
            files.reserve("a driver of the cycle", path);
        }
    }
    files.add("--trace-json", arguments.trace_json.as_deref())?;
    files.add("--diagram", arguments.diagram.as_deref())?;
    let needs_zoo = line
        .images()
        .flatten()
        .chain(&line.drivers)
        .any(|image| matches!(image, ImageSource::Zoo(_)));
    let workspace = if needs_zoo {
        Workspace::checkout()?
    } else {
        Workspace::find()?
    };
    check_images(&workspace, line)?;
    if needs_zoo {
        match prerequisites::ensure(Purpose::Check)? {
            Outcome::Done => {}
            other => return Ok(other.into()),
        }
    }
    let is_pair = line.drivers.is_empty();
    if is_pair && line.images().any(|image| image.is_none()) {
        ensure!(
            workspace.is_checkout(),
            "a replay line without images is of this project's pair: add driver=FILE for each \
             driver"
        );
        let built = drivers::set_up_and_build_pair(&workspace)?;
        if built != Outcome::Done {
            return Ok(built.into());
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
    let simulator = Simulator::new(&workspace);
    let own = is_pair && line.images().all(|image| image.is_none());
    if own {
        interop::build(&workspace)?;
    }
    let command = |line: &ReplayLine| {
        let mut command = images.command(&simulator);
        if own {
            simulator::add_alternatives(&mut command, &workspace);
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
    let files = arguments.trace_json.is_some() || arguments.diagram.is_some();
    let traced = if files {
        write_files(&mut command(line), arguments)?
    } else {
        simulator::trace(&mut command(line))?
    };
    Ok(traced.verdict(&format!("cycle {} of seed {}", line.cycle, line.seed)))
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
fn write_files(command: &mut Command, arguments: &Arguments) -> Result<Traced> {
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
    trace.traced()
}

/// Refuses an image that is not there, or is not of the role that the line gives it.
fn check_images(workspace: &Workspace, line: &ReplayLine) -> Result<()> {
    let pair = [
        (Some("provider"), line.provider.as_ref()),
        (Some("client"), line.client.as_ref()),
    ];
    let drivers = line.drivers.iter().map(|driver| (None, Some(driver)));
    for (role, source) in pair.into_iter().chain(drivers) {
        match source {
            None => {}
            Some(ImageSource::File(path)) => {
                DriverImage::read(path)?;
            }
            Some(ImageSource::Zoo(name)) => {
                let actual = Catalogue::read(workspace)?.recipe(name)?.role.name();
                let role = role.unwrap_or(actual);
                ensure!(
                    actual == role,
                    "zoo:{name} is a {actual}, not a {role}: write {actual}=zoo:{name}"
                );
            }
        }
    }
    Ok(())
}

/// The path of the image of `role`.
fn image(workspace: &Workspace, role: &str, source: Option<&ImageSource>) -> Result<PathBuf> {
    let name = match source {
        None => return Ok(workspace.driver(role)),
        Some(ImageSource::File(path)) => return Ok(path.clone()),
        Some(ImageSource::Zoo(name)) => name,
    };
    let recipe = Catalogue::read(workspace)?.recipe(name)?;
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
