// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of `new`: the workspaces that it writes, in Rust and in C, pass what their own
//! workflow and README run; their drivers attach to each other; and a call in flight that is
//! not counted is found.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use scenarios::Report;

use super::elsewhere::Elsewhere;
use crate::workspace::Workspace;
use crate::workspace::documents::{Document, Fence};

/// A workspace: the arguments of `new` that write it, and its name.
struct New {
    name: &'static str,
    arguments: &'static [&'static str],
    /// What takes away the in-flight count of the call that pends: file, text, new text.
    uncounted: &'static [(&'static str, &'static str, &'static str)],
}

const IN_RUST: New = New {
    name: "kv",
    arguments: &["kv"],
    // The library's source: nothing that uses it can do that.
    uncounted: &[
        (
            "vendor/nmr/src/request/client.rs",
            "    let raw = call.hold().into_raw();\n",
            "    let raw = NonNull::from(binding);\n",
        ),
        (
            "vendor/nmr/src/request/client.rs",
            "        drop(unsafe { Hold::<M>::from_raw(raw) });\n",
            "        let _ = raw;\n",
        ),
        (
            "vendor/nmr/src/request/client.rs",
            "    drop(hold);\n",
            "    core::mem::forget(hold);\n",
        ),
    ],
};

const IN_C: New = New {
    name: "kvc",
    arguments: &["--c", "kvc", "--npi", "kv/npi/npi.toml"],
    uncounted: &[
        (
            "client/src/client.c",
            "            Slot->Users = 2;\n            Binding->InFlight += 1;\n",
            "            Slot->Users = 2;\n",
        ),
        (
            "client/src/client.c",
            "    ReleaseSlot(Slot, 2);\n    LeaveBinding(Binding);\n",
            "    ReleaseSlot(Slot, 2);\n",
        ),
        (
            "client/src/client.c",
            "FALSE);\n    LeaveBinding(Binding);\n}\n",
            "FALSE);\n}\n",
        ),
    ],
};

/// Returns `true` if all is as expected; an error says what is not.
pub(crate) fn passes_its_own_checks(workspace: &Workspace) -> Result<bool> {
    let elsewhere = Elsewhere::new(workspace)?;
    for new in [IN_RUST, IN_C] {
        let arguments = [&["cargo", "nmr", "new"], new.arguments].concat();
        elsewhere.succeeds(elsewhere.path(), &arguments)?;
        own_commands_succeed(&elsewhere, &elsewhere.path().join(new.name))?;
    }
    for (provider, client) in [("kv", "kvc"), ("kvc", "kv")] {
        drivers_attach(&elsewhere, provider, client)?;
    }
    // Cargo starts over where the workspace is another one: begin with that of before.
    for new in [IN_C, IN_RUST] {
        call_that_is_not_counted_is_found(&elsewhere, &new)?;
    }
    Ok(true)
}

/// Runs the commands of cargo in the workflow and in the README of a workspace, each once.
fn own_commands_succeed(elsewhere: &Elsewhere<'_>, place: &Path) -> Result<()> {
    let workflow = fs::read_to_string(place.join(".github/workflows/drivers.yml"))?;
    let in_workflow = workflow
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- run: "))
        .map(str::to_owned);
    let readme = Document::read(place, Path::new("README.md"))?;
    let in_readme = readme
        .blocks()
        .into_iter()
        .filter(|block| block.fence == Fence::Run)
        .flat_map(|block| block.commands());
    // Sentences name other commands, too, without their arguments.
    let header = |command: &String| command.starts_with("cargo nmr header ");
    let in_sentences = readme.commands_in_sentences().into_iter();
    let commands: Vec<String> = in_workflow
        .chain(in_readme.map(|(_, command)| command))
        .chain(in_sentences.map(|(_, command)| command).filter(header))
        .filter(|command| command.starts_with("cargo "))
        .collect();
    let mut run = BTreeSet::new();
    for command in &commands {
        if run.insert(command) {
            let words = shlex::split(command).context("a quotation mark is missing")?;
            elsewhere.succeeds(place, &words)?;
        }
    }
    for subcommand in ["fmt", "clippy", "nmr build", "nmr stress", "test"] {
        let begin = format!("cargo {subcommand}");
        ensure!(
            run.iter().any(|command| command.starts_with(&begin)),
            "neither the workflow nor the README of a new workspace has `{begin}`"
        );
    }
    Ok(())
}

/// Stresses the provider of one workspace with the client of another.
fn drivers_attach(elsewhere: &Elsewhere<'_>, provider: &str, client: &str) -> Result<()> {
    let image = |name: &str, role: &str| elsewhere.image(&format!("{name}_{role}"));
    let provider_image = image(provider, "provider");
    let client_image = image(client, "client");
    let place = elsewhere.path().join(client);
    let (status, report) = stress(
        elsewhere,
        &place,
        &["--provider", &provider_image, "--client", &client_image],
    )?;
    let counts = &report.counts;
    ensure!(
        status == Some(0)
            && counts.completions > 0
            && counts.detaches_pending_client > 0
            && counts.detaches_pending_provider > 0,
        "the provider of {provider} with the client of {client} ends with {status:?}: {:?}",
        report.findings
    );
    Ok(())
}

/// Takes away the in-flight count of the call that pends.
fn call_that_is_not_counted_is_found(elsewhere: &Elsewhere<'_>, new: &New) -> Result<()> {
    let place = elsewhere.path().join(new.name);
    for (file, text, instead) in new.uncounted {
        let file = place.join(file);
        let source = fs::read_to_string(&file)?;
        ensure!(
            source.contains(text),
            "{} has no `{text}` to take away",
            file.display()
        );
        fs::write(file, source.replace(text, instead))?;
    }
    let (status, report) = stress(elsewhere, &place, &[])?;
    let client = format!("{}_client.sys", new.name);
    ensure!(
        status == Some(1)
            && report.findings.iter().any(|finding| {
                finding.code == "R19" && finding.driver == client && finding.what.contains("(get)")
            }),
        "a call of {client} in flight that is not counted ends with {status:?}: {:?}",
        report.findings
    );
    Ok(())
}

/// Runs 100 cycles.
fn stress(
    elsewhere: &Elsewhere<'_>,
    place: &Path,
    arguments: &[&str],
) -> Result<(Option<i32>, Report)> {
    let json = elsewhere.path().join("report.json");
    let shown = json.display().to_string();
    let run = ["cargo", "nmr", "stress", "--cycles", "100", "--seed", "1"];
    let arguments = [&run, arguments, &["--kernel", "both", "--json", &shown]].concat();
    let ended = elsewhere.run(place, &arguments)?;
    let report = fs::read(&json).with_context(|| ended.printed())?;
    fs::remove_file(json)?;
    Ok((ended.status(), serde_json::from_slice(&report)?))
}
