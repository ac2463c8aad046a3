// SPDX-License-Identifier: MIT OR Apache-2.0

//! Stress runs of drivers in `cargo test`: a run loads, uses and unloads the images in the
//! simulated kernel, and the test asserts on the report.
//!
//! ```no_run
//! use nmr_test::{Kernel, Stress};
//!
//! #[test]
//! fn unloads_while_calls_are_in_flight() {
//!     let report = Stress::new().cycles(300).seed(1).kernel(Kernel::Both).run();
//!     report.assert_clean();
//!     assert!(report.count("detaches_pending_client") > 0);
//! }
//! ```
//!
//! Without images, a run builds the drivers of the test's workspace. A run is `cargo nmr
//! stress`, which must be installed; the variable `CARGO_NMR` names another program. A
//! failing test prints the findings as the command does, each with the line that replays
//! it.

mod report;

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

pub use report::{Finding, Report};

/// Who answers what Microsoft's documents leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Whatever the documents allow is drawn.
    Documents,
    /// As Windows does, where that is known.
    Windows,
    /// Each cycle draws one of the two.
    Both,
}

/// Which calls fail although nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// Some, drawn for each cycle.
    Random,
    /// Each one once, in each order of loads and unloads.
    Systematic,
}

/// Which peers are made for the NPIs that no given image serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// They keep the contract that the description of the NPI states.
    Auto,
    /// They break it in each way that the checks of an NPI must survive.
    Hostile,
}

/// A stress run.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing happens before `run`"]
pub struct Stress {
    arguments: Vec<OsString>,
}

/// Why a run has no report: what the command printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CannotRun(String);

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CannotRun {}

impl Stress {
    /// 1,000 cycles of the drivers of this workspace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads this image, in the role that it registers; may be called several times.
    pub fn driver(self, image: impl AsRef<Path>) -> Self {
        self.option("--driver", image.as_ref())
    }

    /// Loads this image as the provider.
    pub fn provider(self, image: impl AsRef<Path>) -> Self {
        self.option("--provider", image.as_ref())
    }

    /// Loads this image as the client.
    pub fn client(self, image: impl AsRef<Path>) -> Self {
        self.option("--client", image.as_ref())
    }

    /// Reads the description of an NPI from this file; those of the workspace's packages
    /// are known.
    pub fn npi(self, description: impl AsRef<Path>) -> Self {
        self.option("--npi", description.as_ref())
    }

    /// Makes peers for what no image serves.
    pub fn peer(self, peer: Peer) -> Self {
        let name = match peer {
            Peer::Auto => "auto",
            Peer::Hostile => "hostile",
        };
        self.option("--peer", name)
    }

    /// Runs this number of cycles.
    pub fn cycles(self, cycles: u64) -> Self {
        self.option("--cycles", cycles.to_string())
    }

    /// Draws everything from this seed: the same seed gives the same run.
    pub fn seed(self, seed: u64) -> Self {
        self.option("--seed", seed.to_string())
    }

    /// Chooses the simulated kernel.
    pub fn kernel(self, kernel: Kernel) -> Self {
        let name = match kernel {
            Kernel::Documents => "documents",
            Kernel::Windows => "windows",
            Kernel::Both => "both",
        };
        self.option("--kernel", name)
    }

    /// Runs only cycles of this scenario: `cargo nmr stress --list` has them.
    pub fn only(self, scenario: &str) -> Self {
        self.option("--only", scenario)
    }

    /// Lets calls fail.
    pub fn faults(self, faults: Faults) -> Self {
        let name = match faults {
            Faults::Random => "random",
            Faults::Systematic => "systematic",
        };
        self.option("--faults", name)
    }

    /// Sets a registry value, as `driver:Key=Value`; may be called several times.
    pub fn registry(self, value: &str) -> Self {
        self.option("--registry", value)
    }

    /// Ignores the findings of a code, as `CODE` or `CODE@FUNCTION`.
    pub fn ignore(self, finding: &str) -> Self {
        self.option("--ignore", finding)
    }

    /// Adds another option of `cargo nmr stress` with its value.
    pub fn option(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.arguments.push(name.into());
        self.arguments.push(value.as_ref().to_owned());
        self
    }

    /// Runs it.
    ///
    /// # Panics
    ///
    /// There is no report: the drivers do not build, or an argument is wrong.
    #[must_use]
    pub fn run(&self) -> Report {
        self.try_run().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// There is no report: the drivers do not build, or an argument is wrong.
    pub fn try_run(&self) -> Result<Report, CannotRun> {
        let file = Scratch::new();
        let output = command()
            .args(["nmr", "stress"])
            .args(&self.arguments)
            .arg("--json")
            .arg(&file.0)
            .output()
            .map_err(|error| {
                CannotRun(format!(
                    "cargo nmr cannot be run ({error}): install it, or name it in CARGO_NMR"
                ))
            })?;
        let text = printed(&output);
        let json = fs::read(&file.0).map_err(|_| CannotRun(text.clone()))?;
        let json = serde_json::from_slice(&json).map_err(|_| CannotRun(text.clone()))?;
        Ok(Report::new(output.status.success(), text, json))
    }
}

/// The command of the program. It works on the workspace of the current directory, which is
/// the package's in a test.
fn command() -> Command {
    match env::var_os("CARGO_NMR") {
        Some(program) => Command::new(program),
        None => Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
    }
}

/// All that a command printed.
fn printed(output: &Output) -> String {
    let [out, errors] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    format!("{errors}{out}").trim_end().to_owned()
}

/// A file that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("nmr-test-{}-{number}.json", std::process::id());
        Self(env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is not there if the run has no report.
        let _ = fs::remove_file(&self.0);
    }
}
