// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report of a stress run as JSON.

use std::path::Path;

use anyhow::Result;
use scenarios::{Coverage, Report};
use serde::Serialize;

use super::inputs::Inputs;
use crate::terminal::{Verdict, Word};
use crate::workspace::artifact;

/// The machine's entry in a report.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MachineFacts {
    pub(super) name: String,
    pub(super) profile: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accelerator: Option<&'static str>,
    #[serde(flatten)]
    pub(super) more: serde_json::Map<String, serde_json::Value>,
}

/// The content of the file.
#[derive(Serialize)]
pub(super) struct ReportFile<'a> {
    #[serde(flatten)]
    report: &'a Report,
    verdict: Word,
    /// What a run in the simulated kernel depends on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<&'a Inputs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coverage: Option<&'a Coverage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) guest: Option<&'a MachineFacts>,
}

impl<'a> ReportFile<'a> {
    pub(super) const fn new(report: &'a Report, verdict: &Verdict) -> Self {
        Self {
            report,
            verdict: verdict.word(),
            run: None,
            coverage: None,
            guest: None,
        }
    }

    /// Writes the file, if one is asked for.
    pub(super) fn write(&self, json: Option<&Path>) -> Result<()> {
        json.map_or(Ok(()), |path| artifact::write_json(path, self))
    }
}
