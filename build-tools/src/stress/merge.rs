// SPDX-License-Identifier: MIT OR Apache-2.0

//! The reports of shards as the report of one run.
//!
//! A cycle depends on the images, the options, the seed and its number only. Parts that agree
//! in these, and whose cycles follow each other without a gap, are therefore one run, and the
//! merged report is that run's but for the time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use scenarios::Report;
use serde::Deserialize;

use super::inputs::Inputs;
use super::sim::SimulatedRun;
use super::summary::Detail;
use super::verdict::RunEnd;
use super::{ReportPaths, Shard, ShardOf};
use crate::terminal::{Verdict, count, print};
use crate::workspace::Workspace;

/// The report of a part of a run.
struct Part {
    file: PathBuf,
    report: Report,
    inputs: Inputs,
}

impl Part {
    fn read(file: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct ReportFile {
            #[serde(flatten)]
            report: Report,
            run: Option<Inputs>,
        }
        let text = fs::read(file)
            .with_context(|| format!("{} cannot be read: name a report", file.display()))?;
        let read: ReportFile = serde_json::from_slice(&text).with_context(|| {
            let file = file.display();
            format!("{file} is no report: name files that `stress --json` has written")
        })?;
        let inputs = read.run.with_context(|| {
            let (file, tier) = (file.display(), &read.report.tier);
            format!("{file} is of a run on {tier}: only runs on sim are merged")
        })?;
        let (first, cycles) = (inputs.first, inputs.cycles);
        ensure!(
            cycles > 0 && first.checked_add(cycles).is_some(),
            "{} is damaged: it is of {cycles} cycles from {first} on",
            file.display()
        );
        Ok(Self {
            file: file.to_owned(),
            report: read.report,
            inputs,
        })
    }

    /// The first cycle after this part.
    const fn end(&self) -> u64 {
        self.inputs.first + self.inputs.cycles
    }

    /// The time that it took.
    #[expect(clippy::cast_precision_loss, reason = "a speed needs no 53 bits")]
    fn took(&self) -> Duration {
        let seconds = Duration::try_from_secs_f64(
            self.report.cycles_done as f64 / self.report.cycles_per_second,
        );
        // No cycle was run: 0 of 0 per second.
        seconds.unwrap_or_default()
    }
}

/// Merges the reports in `files`, and writes what a run writes.
pub(crate) fn merge(
    workspace: &Workspace,
    files: &[PathBuf],
    detail: Detail,
    paths: ReportPaths<'_>,
) -> Result<Verdict> {
    let mut parts = Vec::new();
    for file in files {
        parts.push(Part::read(file)?);
    }
    parts.sort_by_key(|part| part.inputs.first);
    let inputs = whole(&parts)?;
    let seed = parts[0].report.seed;
    let mut report = Report::new("sim", seed, inputs.cycles);
    let mut took = Duration::ZERO;
    let merged = parts.len() as u64;
    for part in parts {
        took += part.took();
        report.merge(part.report);
    }
    report.took(took);
    print(format!(
        "merge: {} of seed {seed}, cycles {} to {}; the time is the sum of theirs",
        count(merged, "report", "reports"),
        inputs.first,
        inputs.first + (inputs.cycles - 1),
    ));
    let plan = inputs.plan(seed);
    let end = RunEnd {
        took,
        deaths: 0,
        interrupted: false,
    };
    SimulatedRun::new(workspace, &plan).conclude(&report, &inputs, &end, detail, paths)
}

/// The inputs of the run that the parts, in the order of their cycles, are together.
fn whole(parts: &[Part]) -> Result<Inputs> {
    let first = parts.first().context("name the reports to merge")?;
    for part in parts {
        if let Some(what) = difference(first, part) {
            bail!(
                "{} and {} are not parts of one run: they have different {what}",
                first.file.display(),
                part.file.display()
            );
        }
    }
    for pair in parts.windows(2) {
        let [one, next] = pair else { continue };
        let (one_file, next_file) = (one.file.display(), next.file.display());
        let (end, start) = (one.end(), next.inputs.first);
        ensure!(
            end <= start,
            "{one_file} and {next_file} both have cycle {start}: name each report once"
        );
        ensure!(
            end == start,
            "cycles {end} to {} are missing, between {one_file} and {next_file}: {}",
            start - 1,
            missing(parts)
        );
    }
    let last = parts.last().unwrap_or(first);
    let mut inputs = first.inputs.clone();
    inputs.cycles = last.end() - inputs.first;
    if let Some(ShardOf { first, cycles, .. }) = inputs.shard.take() {
        ensure!(
            (inputs.first, inputs.cycles) == (first, cycles),
            "{}",
            missing(parts)
        );
    }
    Ok(inputs)
}

/// What differs between two reports that cannot differ between parts of one run.
fn difference(one: &Part, other: &Part) -> Option<String> {
    if one.report.seed != other.report.seed {
        return Some(format!(
            "seeds, {} and {}",
            one.report.seed, other.report.seed
        ));
    }
    let whole = |part: &Part| {
        let of = part.inputs.shard?;
        Some((of.shard.count, of.first, of.cycles))
    };
    if whole(one) != whole(other) {
        let shown = |part: &Part| {
            part.inputs.shard.map_or_else(
                || "none".to_owned(),
                |of| format!("{} of {}", of.shard, count(of.cycles, "cycle", "cycles")),
            )
        };
        return Some(format!("shards: {}; {}", shown(one), shown(other)));
    }
    one.inputs.difference(&other.inputs)
}

/// Which shards are missing, or what to do if the parts are no shards.
fn missing(parts: &[Part]) -> String {
    let here: Vec<Shard> = parts
        .iter()
        .filter_map(|it| Some(it.inputs.shard?.shard))
        .collect();
    let Some(Shard { count, .. }) = here.first() else {
        return "run them, too".to_owned();
    };
    // The first few: there may be very many.
    let is_missing = |index: &u64| here.iter().all(|it| it.index != *index);
    let mut some: Vec<_> = (1..=*count).filter(is_missing).take(9).collect();
    let more = if some.len() > 8 { " and more" } else { "" };
    some.truncate(8);
    let some: Vec<_> = some
        .iter()
        .map(|index| format!("{index}/{count}"))
        .collect();
    format!("name the reports of shards {}{more}, too", some.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(first: u64, cycles: u64, shard: Option<&str>) -> Inputs {
        let shard = shard.map(|text| ShardOf {
            shard: text.parse().expect("a shard"),
            first: 0,
            cycles: 30,
        });
        Inputs {
            program: "1.0.0".to_owned(),
            options: Vec::new(),
            files: Vec::new(),
            first,
            cycles,
            shard,
        }
    }

    fn part(first: u64, cycles: u64, shard: Option<&str>) -> Part {
        Part {
            file: format!("{first}.json").into(),
            report: Report::new("sim", 7, cycles),
            inputs: inputs(first, cycles, shard),
        }
    }

    fn refused(parts: &[Part]) -> String {
        let error = whole(parts).expect_err("they do not belong together");
        error.to_string()
    }

    #[test]
    fn parts_without_a_gap_are_one_run() {
        let shards = [
            part(0, 10, Some("1/3")),
            part(10, 10, Some("2/3")),
            part(20, 10, Some("3/3")),
        ];
        let merged = whole(&shards).expect("one run");
        assert_eq!((merged.first, merged.cycles), (0, 30));
        assert!(merged.shard.is_none());
        let ranges = [part(5, 5, None), part(10, 1, None)];
        let merged = whole(&ranges).expect("one run");
        assert_eq!((merged.first, merged.cycles), (5, 6));
    }

    #[test]
    fn a_missing_shard_is_named() {
        let first = || part(0, 10, Some("1/3"));
        let last = part(20, 10, Some("3/3"));
        assert_eq!(
            refused(&[first(), last]),
            "cycles 10 to 19 are missing, between 0.json and 20.json: name the reports of shards \
             2/3, too"
        );
        assert_eq!(
            refused(&[first(), part(10, 10, Some("2/3"))]),
            "name the reports of shards 3/3, too"
        );
        let many = part(0, 10, Some("1/1000000000000"));
        assert!(refused(&[many]).contains("9/1000000000000 and more"));
    }

    #[test]
    fn parts_of_different_runs_are_refused() {
        let first = || part(0, 10, None);
        let refused_with = |change: &dyn Fn(&mut Part)| {
            let mut second = part(10, 10, None);
            change(&mut second);
            refused(&[first(), second])
        };
        let seed = refused_with(&|it| it.report.seed = 8);
        assert!(
            seed.ends_with("they have different seeds, 7 and 8"),
            "{seed}"
        );
        let options = refused_with(&|it| it.inputs.options.push("--preempt".to_owned()));
        assert!(
            options.ends_with("different options: none; --preempt"),
            "{options}"
        );
        let shards = refused_with(&|it| it.inputs = inputs(10, 10, Some("2/3")));
        assert!(
            shards.ends_with("shards: none; 2/3 of 30 cycles"),
            "{shards}"
        );
        let overlap = refused(&[first(), part(9, 10, None)]);
        assert!(overlap.contains("both have cycle 9"), "{overlap}");
        let gap = refused(&[first(), part(12, 10, None)]);
        assert!(
            gap.ends_with("between 0.json and 12.json: run them, too"),
            "{gap}"
        );
    }
}
