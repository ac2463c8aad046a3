// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a stress run does and what it reports, defined once for every tier.
//!
//! # Design
//!
//! A [`Cycle`] is drawn only from the run's seed and its own number, so that any
//! cycle can be repeated by itself, on any tier, whatever ran before it. A tier
//! loads and unloads drivers as the cycle prescribes, and fills in a [`Report`];
//! the reports of a run's parts [merge](Report::merge) into the report of the run.
//!
//! # Limits
//!
//! This crate runs nothing and uses no operating system: no files, clocks or threads.

mod cast;
pub mod control;
mod coverage;
mod cycle;
mod description;
mod faults;
mod graph;
mod instance;
mod instance_counts;
mod line;
mod mechanism;
mod model;
mod mutant;
mod not_tested;
mod ntstatus;
mod numbers;
mod order;
mod overlap;
mod race_search;
mod racing;
mod registry_value;
mod report;
mod scenario;
mod schedule;
mod script;
mod service;
mod services;
mod stage;
mod step;
mod strategy;
mod trace;
mod usage;

pub use coverage::{Coverage, Covered};
pub use cycle::{Cycle, CycleFilter, Setting, stream};
pub use description::{
    Callback, Description, DryRun, ImageFacts, Registered, SectionFacts, Unload,
};
pub use faults::{CallbackKind, Fault, FaultKind, Faults};
pub use graph::{Edge, EdgePair, Graph, NoRace, Transition, TransitionCounts};
pub use instance::{Instance, Instances, Role};
pub use line::{Event, Line, PROGRESS_INTERVAL, write_line};
pub use mechanism::Mechanism;
pub use model::{Alternative, Models};
pub use mutant::{Mutant, Mutation};
pub use not_tested::{Asked, NAMED_CALLOUT, UNNAMED_CALLOUT};
pub use ntstatus::NtStatus;
pub use order::{LoadOrder, Order, UnloadOrder};
pub use overlap::{Met, Overlap};
pub use race_search::RaceSearch;
pub use registry_value::{RegistryData, RegistryValue};
pub use report::{
    CODE_WORDS, Counts, Finding, Frame, Histogram, Histograms, Ignored, MissingImports,
    NetworkRule, NpiReport, Npis, OpenPoint, Place, Report, Unsupported, Verdict, is_code,
};
pub use scenario::{Scenario, Tier};
pub use schedule::{Schedule, WrongSchedule};
pub use script::{Script, WrongScript};
pub use service::{Refusal, Service};
pub use stage::Stage;
pub use step::{Action, Change, Step, Usage, Use};
pub use strategy::Strategy;
pub use trace::{
    CodePlace, NmrCall, NmrMoment, NpiCall, TraceEvent, TraceKind, TraceLine, TracedCycle,
};
