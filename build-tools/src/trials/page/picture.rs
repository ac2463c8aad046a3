// SPDX-License-Identifier: MIT OR Apache-2.0

//! The picture of a report in the documents: `docs/report.png` shows what `docs/report.txt`
//! says, and that must be what a run reports today.
//!
//! # Limits
//!
//! The times beside the diagram, and the lines of source on its right, which the picture
//! cuts off, are not compared: they change with every change of the drivers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::browser::{self, Browser};
use crate::workspace::Workspace;

/// The width of the picture.
const WIDTH: u64 = 900;
/// Its largest size, in bytes.
const LARGEST: u64 = 150 << 10;

/// The part of a page that the picture shows: its head and its first finding.
pub(super) struct Picture {
    address: String,
    text: String,
    height: u64,
}

impl Picture {
    /// That of a page.
    pub(super) fn of(browser: &Browser, page: &Path) -> Result<Self> {
        const TEXT: &str = "return ['header', 'nav', '#finding-1']
            .map((part) => document.querySelector(part).innerText.trim())
            .join('\\n\\n')";
        const HEIGHT: &str = "const finding = document.querySelector('#finding-1'); \
                              return Math.ceil(finding.getBoundingClientRect().bottom + scrollY)";
        /// The room below the finding.
        const MARGIN: u64 = 12;
        let address = format!("file://{}", page.display());
        let size = serde_json::json!({
            "width": WIDTH, "height": 800, "deviceScaleFactor": 1, "mobile": false
        });
        browser.developer("Emulation.setDeviceMetricsOverride", &size)?;
        browser.open(&address)?;
        let text = browser.run(TEXT)?;
        let text = lasting(text.as_str().context("a page has a text")?);
        let height = browser.run(HEIGHT)?;
        let height = height.as_u64().context("a page has a height")? + MARGIN;
        Ok(Self {
            address,
            text,
            height,
        })
    }

    /// What the picture in the documents lacks; if it lacks anything, a new one is made
    /// below the target directory.
    pub(super) fn differences(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let file = |name: &str| workspace.root().join("docs").join(name);
        let documented = fs::read_to_string(file("report.txt")).unwrap_or_default();
        let size = fs::metadata(file("report.png")).map_or(0, |it| it.len());
        let mut wrong = Vec::new();
        let mut lines = self.text.lines();
        let differing = documented.lines().find(|line| Some(*line) != lines.next());
        match differing {
            Some(line) => wrong.push(format!("a run does not say: {line}")),
            None => wrong.extend(lines.next().map(|line| format!("it does not say: {line}"))),
        }
        if !(1..=LARGEST).contains(&size) {
            wrong.push(format!(
                "docs/report.png has {size} bytes, not 1 to {LARGEST}"
            ));
        }
        if !wrong.is_empty() {
            let directory = self.make(&workspace.target().join("report"))?;
            wrong.push(format!(
                "look at report.png in {}, reduce it to 64 colours, and copy it and report.txt \
                 to docs",
                directory.display()
            ));
        }
        Ok(wrong)
    }

    /// Makes the picture and its text in a directory.
    fn make(&self, directory: &Path) -> Result<PathBuf> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("report.txt"), &self.text)?;
        browser::picture(
            &self.address,
            WIDTH,
            self.height,
            &directory.join("report.png"),
        )?;
        Ok(directory.to_owned())
    }
}

/// The lines of a text that are no time and no place in a source: `3244.5`, `role.rs:182 f`.
fn lasting(text: &str) -> String {
    let is_time = |line: &str| line.contains('.') && line.parse::<f64>().is_ok();
    let is_place = |line: &str| {
        let file = line.split_once(':').map_or("", |(file, _)| file);
        let extension = Path::new(file).extension();
        !file.contains(' ') && extension.is_some_and(|it| it == "rs" || it == "c")
    };
    let lines = text
        .lines()
        .filter(|line| !is_time(line) && !is_place(line));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_places_in_sources_are_left_out() {
        let text = "R28 a.sys Unload (base/common.c:42)\n3244.5\nNmrDeregisterClient\n\
                    missing_wait.c:7 Deregister\n5 x submit = 0x103\n";
        assert_eq!(
            lasting(text),
            "R28 a.sys Unload (base/common.c:42)\nNmrDeregisterClient\n5 x submit = 0x103\n"
        );
    }
}
