// SPDX-License-Identifier: MIT OR Apache-2.0

//! The result of trials: its files, and the verdict.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::junit;
use super::row::Row;
use crate::terminal::{self, Verdict, Word, count_of, time};
use crate::workspace::artifact;
use crate::zoo::Module;

/// The modules that were tried.
pub(crate) struct Tried {
    /// Their rows in order, or why one could not be tried.
    pub(super) rows: Vec<Result<Row, String>>,
    /// The names of the modules that were to be tried.
    pub(super) names: Vec<String>,
    pub(super) took: Duration,
}

impl Tried {
    /// None of these modules: a signal has come before.
    pub(crate) fn none(modules: &[&Module]) -> Self {
        Self {
            rows: Vec::new(),
            names: names(modules),
            took: Duration::ZERO,
        }
    }
}

pub(super) fn names(modules: &[&Module]) -> Vec<String> {
    modules.iter().map(|module| module.name.clone()).collect()
}

/// The files to write the result to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResultPaths<'a> {
    pub(crate) json: Option<&'a Path>,
    pub(crate) junit: Option<&'a Path>,
}

/// Writes the table, and prints what is not as the catalogue says.
pub(crate) fn judge(tried: &Tried, paths: ResultPaths<'_>) -> Result<Verdict> {
    let Tried { rows, names, took } = tried;
    if let Some(path) = paths.json {
        let rows: Vec<_> = rows.iter().flatten().collect();
        artifact::write_json(path, &rows)?;
    }
    if let Some(path) = paths.junit {
        artifact::write(path, junit::text(names, rows)?.as_bytes())?;
    }
    let modules = count_of(names, "module", "modules");
    let took = time(*took);
    let deviations = |row: &Result<Row, String>| match row {
        Ok(row) => row.deviations(),
        Err(why) => vec![why.clone()],
    };
    let deviations: Vec<_> = rows.iter().flat_map(deviations).collect();
    for deviation in &deviations {
        terminal::error(deviation);
    }
    if rows.len() < names.len() {
        let deviations = count_of(&deviations, "deviation", "deviations");
        let sentence = format!("{} of {modules} in {took}: {deviations}", rows.len());
        return Ok(Verdict::new(Word::Interrupted, sentence));
    }
    if let Some(first) = deviations.first() {
        let all = count_of(&deviations, "deviation", "deviations");
        return Ok(Verdict::fail(format!(
            "{all} from the catalogue in {modules}; first: {first}"
        )));
    }
    Ok(Verdict::pass(format!(
        "{modules} in {took}: each defect is found as expected, each corrected twin is clean"
    )))
}
