// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Markdown documents of the workspace: links, quotations, and code blocks.
//!
//! The first word after the fence of a code block is its language, as everywhere; the
//! second says how the block is checked:
//!
//! | fence | the block |
//! |---|---|
//! | `sh` | `cargo xtask` commands that succeed: `test docs` runs them |
//! | `sh should_fail` | commands that end with exit status 1: `test docs` runs them |
//! | `sh elsewhere` | commands that succeed in an empty directory outside of the checkout, which the blocks of a document share: `test workshop` runs them |
//! | `sh no_run` | commands that need a machine, much time or the reader's files: they are only parsed |
//! | `bat` | commands of a Windows machine, which nothing here can check |
//! | `text COMMAND` | output of the command: `test docs` compares it, numbers aside |
//! | `rust PATH` | lines of that file, in their order |

mod code;
mod links;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Workspace, output};
pub(crate) use code::{Block, Fence, is_ours};

/// A document, by its path from the root of the workspace.
pub(crate) struct Document {
    root: PathBuf,
    path: PathBuf,
    text: String,
}

/// What is wrong in a document, with its place.
pub(crate) type Complaint = String;

impl Document {
    /// The documents that belong to the workspace, new ones included.
    pub(crate) fn all(workspace: &Workspace) -> Result<Vec<Self>> {
        let mut git = Command::new("git");
        git.arg("-C").arg(workspace.root());
        git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        let listed = output(git.arg("*.md"))
            .context("the documents cannot be listed: work in a clone made by git")?;
        let paths = listed.lines().map(Path::new);
        paths
            .filter(|path| workspace.root().join(path).exists())
            .map(|path| Self::read(workspace.root(), path))
            .collect()
    }

    /// The document at `path`, from `root`.
    pub(crate) fn read(root: &Path, path: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(path))
            .with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Self {
            root: root.to_owned(),
            path: path.to_owned(),
            text,
        })
    }

    /// Its path from the root, with slashes.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub(crate) const fn length(&self) -> usize {
        self.text.len()
    }

    /// Its code blocks, in order.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        code::blocks(&self.text)
    }

    /// The code in its sentences that is a `cargo xtask` command, with its line.
    pub(crate) fn commands_in_sentences(&self) -> Vec<(usize, String)> {
        code::commands_in_sentences(&self.text)
    }

    /// The links that lead nowhere.
    pub(crate) fn broken_links(&self) -> Result<Vec<Complaint>> {
        links::broken(self)
    }

    /// The blocks that quote a file and differ from it.
    pub(crate) fn wrong_quotations(&self) -> Result<Vec<Complaint>> {
        let mut complaints = Vec::new();
        for block in self.blocks() {
            if let Fence::Quotation(file) = &block.fence {
                let source = fs::read_to_string(self.root.join(file))
                    .with_context(|| format!("{}: {file} cannot be read", self.at(block.line)))?;
                if let Some(line) = code::first_line_missing(&block.text, &source, "// ...") {
                    complaints.push(format!("{}: {file} has no `{line}`", self.at(block.line)));
                }
            }
        }
        Ok(complaints)
    }

    /// `path:line` for a complaint.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}
