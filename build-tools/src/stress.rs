// SPDX-License-Identifier: MIT OR Apache-2.0

//! The paired stress: the plan of a run, one module per tier that carries it out, and
//! the report on the terminal and as JSON.

mod inputs;
pub(crate) mod machine;
pub(crate) mod merge;
mod not_tested;
pub(crate) mod open_points;
mod page_file;
mod plan;
mod report_file;
mod run_files;
pub(crate) mod scenario_list;
mod shard;
pub(crate) mod sim;
pub(crate) mod summary;
mod tier;
mod verdict;
pub(crate) mod wine;

pub(crate) use inputs::Inputs;
pub(crate) use plan::{Job, StressPlan};
pub(crate) use run_files::{ReportPaths, write_unbegun};
pub(crate) use shard::{Shard, ShardOf};
pub(crate) use tier::Tier;
pub(crate) use verdict::RunEnd;
