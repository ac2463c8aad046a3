// SPDX-License-Identifier: MIT OR Apache-2.0

//! The trace of one cycle: its events, each with its time and thread. The simulated kernel
//! prints them as text or as JSON lines.

mod kind;
mod nmr_call;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Place, Report};

pub use kind::{NpiCall, TraceKind};
pub use nmr_call::{NmrCall, NmrMoment};

/// Something that happened in a cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// The virtual time in nanoseconds.
    pub time: u64,
    /// The number of the thread, in the order of creation.
    pub thread: u64,
    /// The name of the thread.
    pub thread_name: String,
    /// What the text trace shows of it; empty if that has no line for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What happened.
    pub kind: TraceKind,
}

impl TraceEvent {
    /// An event whose text is that of its kind.
    #[must_use]
    pub fn new(time: u64, thread: u64, thread_name: String, kind: TraceKind) -> Self {
        Self {
            time,
            thread,
            thread_name,
            text: kind.to_string(),
            kind,
        }
    }
}

/// The line of the text trace.
impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            thread_name, text, ..
        } = self;
        let (microseconds, tenths) = (self.time / 1000, self.time % 1000 / 100);
        write!(f, "{microseconds:>8}.{tenths} {thread_name:<14} {text}")
    }
}

/// A place in a driver's code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodePlace {
    /// The driver's file, and which instance of it this is if not the first.
    pub driver: String,
    /// The offset in its image, if known.
    pub offset: Option<u32>,
    /// The function and the line, as far as they are known.
    pub place: Option<Place>,
}

/// `client.sys+0x1234 Detach (client.c:12)`.
impl fmt::Display for CodePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.driver)?;
        if let Some(offset) = self.offset {
            write!(f, "+{offset:#x}")?;
            if let Some(place) = &self.place {
                write!(f, " {place}")?;
            }
        }
        Ok(())
    }
}

/// The cycle that a trace is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedCycle {
    /// Its number.
    pub cycle: u64,
    /// The run's seed.
    pub seed: u64,
    /// The kernel that runs it.
    pub kernel: String,
    /// What it does.
    pub script: String,
}

/// The first line of the text trace.
impl fmt::Display for TracedCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cycle,
            seed,
            kernel,
            script,
        } = self;
        write!(f, "cycle {cycle} of seed {seed}, kernel {kernel}: {script}")
    }
}

/// A line of the output of a run whose events are printed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceLine {
    /// A cycle begins.
    Cycle(TracedCycle),
    /// Something happened in it.
    Event(TraceEvent),
    /// The last line.
    Report(Box<Report>),
}
