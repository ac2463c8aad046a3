// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of the documents: they run the commands in them, and compare how each ends and
//! what it prints.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use child::program::own_path;

use super::elsewhere::Elsewhere;
use crate::terminal::{self, print};
use crate::workspace::Workspace;
use crate::workspace::documents::{Document, Fence, is_ours};

/// Runs the commands of every document. Returns `true` if each ends as its fence says,
/// and prints what the document shows.
pub(crate) fn commands_do_as_documented(workspace: &Workspace) -> Result<bool> {
    let mut passed = true;
    for document in Document::all(workspace)? {
        for block in document.blocks() {
            let (commands, expected) = match &block.fence {
                Fence::Run => (block.commands(), 0),
                Fence::ShouldFail => (block.commands(), 1),
                Fence::Output(command) => (vec![(block.line, command.clone())], 0),
                _ => continue,
            };
            for (line, command) in commands {
                let at = document.at(line);
                let ended = run(workspace, &at, &command)?;
                let wrong = if ended.status != Some(expected) {
                    let status = ended
                        .status
                        .map_or_else(|| "a signal".to_owned(), |it| it.to_string());
                    Some(format!(
                        "ends with {status} instead of {expected}: {}",
                        ended.errors
                    ))
                } else if let Fence::Output(_) = block.fence {
                    let missing = block.first_line_not_in(&ended.printed);
                    missing.map(|it| format!("does not print `{it}` there:\n{}", ended.printed))
                } else {
                    None
                };
                if let Some(wrong) = wrong {
                    terminal::error(format!("{at}: `{command}` {wrong}"));
                    passed = false;
                }
            }
        }
    }
    Ok(passed)
}

/// How the command begins that installs this program: a trial has it installed.
const INSTALLATION: &str = "cargo install --path build-tools";

/// Runs the commands of every document for a directory outside of the checkout: in order, and
/// each block from that directory. Returns `true` if all succeed.
pub(crate) fn commands_work_elsewhere(workspace: &Workspace) -> Result<bool> {
    let mut passed = true;
    for document in Document::all(workspace)? {
        let mut blocks = document.blocks();
        blocks.retain(|block| block.fence == Fence::Elsewhere);
        if blocks.is_empty() {
            continue;
        }
        let elsewhere = Elsewhere::new(workspace)?;
        for block in blocks {
            let mut directory = elsewhere.path().to_owned();
            for (line, command) in block.commands() {
                if command.starts_with(INSTALLATION) {
                    continue;
                }
                if let Some(name) = command.strip_prefix("cd ") {
                    directory.push(name);
                    continue;
                }
                let at = document.at(line);
                let words = shlex::split(&command)
                    .ok_or_else(|| anyhow!("{at}: a quotation mark is missing"))?;
                if let Err(wrong) = elsewhere.succeeds(&directory, &words) {
                    terminal::error(format!("{at}: {wrong:#}"));
                    passed = false;
                }
            }
        }
    }
    Ok(passed)
}

/// How a command has ended.
struct Ended {
    status: Option<i32>,
    printed: String,
    errors: String,
}

/// Runs a command of this program.
fn run(workspace: &Workspace, at: &str, command: &str) -> Result<Ended> {
    let words = shlex::split(command)
        .filter(|_| is_ours(command))
        .ok_or_else(|| anyhow!("{at}: `{command}` is no command of this program"))?;
    let started = Instant::now();
    let output = Command::new(own_path())
        .args(&words[1..])
        .current_dir(workspace.root())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{at}: `{command}` cannot be run"))?;
    print(format!(
        "{at}: {command}: {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended {
        status: output.status.code(),
        printed: text(&output.stdout),
        errors: text(&output.stderr),
    })
}
