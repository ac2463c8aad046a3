// SPDX-License-Identifier: MIT OR Apache-2.0

//! The documents: their links, the source that they quote, the commands that they name,
//! and the length of the README.

use std::path::Path;

use anyhow::Result;
use clap::error::ErrorKind;

use crate::CommandLine;
use crate::terminal;
use crate::workspace::Workspace;
use crate::workspace::documents::{Document, Fence, is_ours};

/// The most bytes of the README: it is read in a minute or not at all.
const README_BYTES: usize = 6 * 1024;

/// Prints what is wrong. Returns `true` if nothing is.
pub(super) fn pass(workspace: &Workspace) -> Result<bool> {
    let complaints = complaints(workspace)?;
    for complaint in &complaints {
        terminal::error(complaint);
    }
    Ok(complaints.is_empty())
}

fn complaints(workspace: &Workspace) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for document in Document::all(workspace)? {
        complaints.extend(document.broken_links()?);
        complaints.extend(document.wrong_quotations()?);
        complaints.extend(wrong_commands(&document));
        if document.path() == Path::new("README.md") && document.length() >= README_BYTES {
            complaints.push(format!(
                "README.md: {} bytes, the limit is {README_BYTES}: move a part to docs",
                document.length()
            ));
        }
    }
    Ok(complaints)
}

/// The commands that the program does not take, and the fences that say nothing.
fn wrong_commands(document: &Document) -> Vec<String> {
    let mut commands = Vec::new();
    let mut complaints = Vec::new();
    for block in document.blocks() {
        match &block.fence {
            Fence::Run | Fence::ShouldFail => {
                for (line, command) in block.commands() {
                    if !is_ours(&command) {
                        let at = document.at(line);
                        complaints.push(format!(
                            "{at}: `{command}` is not run by `test docs`: write ```sh no_run"
                        ));
                    }
                    commands.push((line, command));
                }
            }
            Fence::Elsewhere | Fence::NoRun => commands.extend(block.commands()),
            Fence::Output(command) => commands.push((block.line, command.clone())),
            Fence::Unknown(words) => complaints.push(format!(
                "{}: ```{words} promises nothing that is checked",
                document.at(block.line)
            )),
            Fence::Quotation(_) | Fence::Other => {}
        }
    }
    // The changelog names commands as they were.
    if document.path() != Path::new("CHANGELOG.md") {
        commands.extend(document.commands_in_sentences());
    }
    complaints.extend(commands.iter().filter_map(|(line, command)| {
        let reason = refusal(command)?;
        Some(format!("{}: `{command}`: {reason}", document.at(*line)))
    }));
    complaints
}

/// The reason why a command line cannot be run.
fn refusal(command: &str) -> Option<String> {
    let Some(words) = shlex::split(command) else {
        return Some("a quotation mark is missing".to_owned());
    };
    if !is_ours(command) {
        return None;
    }
    let error = CommandLine::parse_words(words.into_iter().skip(1)).err()?;
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    (!is_help).then(|| crate::one_line(&error))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_documents_of_this_workspace_pass() {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let workspace = Workspace::at(root.clone(), root.join("target"));
        let found = complaints(&workspace).expect("the documents");
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    /// The complaints about the commands of `text`.
    fn wrong(text: &str) -> Vec<String> {
        let root = tempfile::tempdir().expect("a directory");
        fs::write(root.path().join("a.md"), text).expect("written");
        wrong_commands(&Document::read(root.path(), Path::new("a.md")).expect("read"))
    }

    #[test]
    fn commands_that_the_program_takes_pass() {
        let text = "`cargo xtask stress --json FILE`\n\n```sh\ncargo xtask stress --help # all\n\
                    cargo xtask zoo --list\n```\n\n```sh no_run\ngit clone 'a b'\n```\n\n\
                    ```sh elsewhere\ncargo nmr new kv\ncd kv\n```\n";
        assert_eq!(wrong(text), [""; 0]);
    }

    #[test]
    fn other_commands_are_named_with_their_lines() {
        for (text, expected) in [
            ("`cargo xtask strss`\n", "a.md:1: `cargo xtask strss`: "),
            ("\n```sh\ncargo xtask stress --cycle 3\n```\n", "a.md:3: "),
            ("```sh no_run\n\ncargo xtask zoo --lst\n```\n", "a.md:3: "),
            ("```sh elsewhere\ncargo nmr nw kv\n```\n", "cargo nmr nw kv"),
            ("```sh\ngit pull\n```\n", "write ```sh no_run"),
            (
                "```sh no_run\necho 'a\n```\n",
                "a quotation mark is missing",
            ),
            ("```text cargo xtask nothing\n```\n", "cargo xtask nothing"),
            ("```shell\nls\n```\n", "promises nothing"),
        ] {
            let found = wrong(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].contains(expected), "{found:?}");
        }
    }
}
