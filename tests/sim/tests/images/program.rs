// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running the program.

use std::path::Path;
use std::process::Command;

use scenarios::{Report, is_code};
use serde_json::Value;

/// What came of a run.
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The report that its output ends with, whose findings have codes that `--ignore`
    /// takes.
    pub(crate) fn report(&self) -> Report {
        let report: Report =
            serde_json::from_value(self.last()["report"].clone()).expect("a report");
        for finding in report.findings.iter().chain(&report.notes) {
            assert!(is_code(&finding.code), "{finding}");
        }
        report
    }

    /// The last line of its output.
    pub(crate) fn last(&self) -> Value {
        let last = self.out.lines().last().unwrap_or_default();
        serde_json::from_str(last)
            .unwrap_or_else(|error| panic!("no result ({error}): {}{}", self.out, self.err))
    }
}

/// Runs the program on two images, one instance of each, with more arguments. The
/// modules made for these tests are not there to fail when they are loaded.
pub(crate) fn sim(provider: &Path, client: &Path, arguments: &[&str]) -> Run {
    let usual = ["--instances=1x1", "--without=failed-entry"];
    let arguments = [&usual, arguments].concat();
    sim_with_any_instances(provider, client, &arguments)
}

/// Describes an image.
pub(crate) fn describe(image: &Path) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.arg("--describe").arg(image);
    run(add_npis(&mut command))
}

/// Lists the mutants of an image.
pub(crate) fn mutants(image: &Path) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    run(command.arg("--mutants").arg(image))
}

/// Adds the descriptions of the pair's NPIs.
fn add_npis(command: &mut Command) -> &mut Command {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared-npi/src");
    for npi in ["echo", "telemetry"] {
        command.arg("--npi").arg(source.join(npi).join("npi.toml"));
    }
    command
}

/// Runs the program on two images with more arguments.
pub(crate) fn sim_with_any_instances(provider: &Path, client: &Path, arguments: &[&str]) -> Run {
    run(add_npis(&mut of(provider, client)).args(arguments))
}

/// The same without any description of an NPI.
pub(crate) fn sim_without_npis(provider: &Path, client: &Path, arguments: &[&str]) -> Run {
    run(of(provider, client).args(arguments))
}

/// The program with two images.
fn of(provider: &Path, client: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.arg("--provider").arg(provider);
    command.arg("--client").arg(client);
    command
}

/// Runs the program on these drivers, in the roles that they register.
pub(crate) fn sim_with_drivers(drivers: &[&Path], arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    for driver in drivers {
        command.arg("--driver").arg(driver);
    }
    run(add_npis(&mut command)
        .arg("--without=failed-entry")
        .args(arguments))
}

fn run(command: &mut Command) -> Run {
    let output = command
        .output()
        .expect("the program was built for this test");
    Run {
        status: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
