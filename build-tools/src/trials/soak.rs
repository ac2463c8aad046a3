// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of a soak that is killed: it goes on where it was, and replays its corpus.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use child::program::own_path;
use tempfile::TempDir;

use crate::workspace::{Workspace, output};

/// The time of the soaks that are killed.
const LONG: Duration = Duration::from_hours(1);
/// The time of the last one, which counts from its start: enough for a batch.
const LAST: Duration = Duration::from_secs(10);
/// The time until a batch must be done.
const PATIENCE: Duration = Duration::from_mins(5);

/// A soak survives two kills. Returns `true` if that is so; an error says what is not.
pub(crate) fn survives_kills(workspace: &Workspace) -> Result<bool> {
    let directory = TempDir::new()?;
    let state = directory.path().join("state.json");
    let first = Instant::now();
    for kill in 1..=2 {
        let before = changed(&state);
        let mut soak = command(workspace, directory.path(), LONG);
        soak.stdout(Stdio::null()).stderr(Stdio::null());
        let mut soak = soak.spawn().context("this program cannot be run")?;
        let started = Instant::now();
        while changed(&state) == before && started.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(50));
        }
        soak.kill()?;
        soak.wait()?;
        ensure!(
            changed(&state) != before,
            "the soak kept no state before kill {kill}"
        );
    }
    // The time of those that were killed counts.
    let time = first.elapsed() + LAST;
    let text = output(&mut command(workspace, directory.path(), time))?;
    for part in [
        "goes on after",
        "of the corpus replayed: 0 findings",
        "PASS",
    ] {
        ensure!(
            text.contains(part),
            "a killed soak does not say {part:?}: {text}"
        );
    }
    Ok(true)
}

fn command(workspace: &Workspace, state: &Path, time: Duration) -> Command {
    let hours = time.as_secs_f64() / Duration::from_hours(1).as_secs_f64();
    let mut command = Command::new(own_path());
    command
        .current_dir(workspace.root())
        .args(["xtask", "soak", "--hours", &hours.to_string(), "--state"])
        .arg(state)
        .stdin(Stdio::null());
    command
}

/// When a file was changed, if it is there.
fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|it| it.modified()).ok()
}
