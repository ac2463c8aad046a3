// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kinds of events in a cycle, and their text in the trace.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CodePlace, NmrMoment};
use crate::{Finding, Frame, Role, Stage, Unsupported};

/// A call through a dispatch table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NpiCall {
    /// The side whose table it is: the callee.
    pub owner: Role,
    /// The binding, if it is known.
    pub binding: Option<u64>,
    /// The number of the request that the call makes or completes: the same number pairs
    /// a call that pends with its completion.
    pub request: Option<u64>,
    /// `true` if the call completes the request.
    pub completes: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceKind {
    /// A driver calls a kernel function, or its peer through a dispatch table.
    Call {
        /// The function; of a dispatch table, its name and the binding.
        callee: String,
        /// The calling place.
        caller: Option<CodePlace>,
        /// The call through a dispatch table, if it is one.
        npi: Option<NpiCall>,
    },
    /// The call returns.
    Return {
        /// The function.
        callee: String,
        /// What it returns.
        value: u64,
        /// The call through a dispatch table, if it is one.
        npi: Option<NpiCall>,
        /// `true` if the call returned `STATUS_PENDING` and its request is completed by
        /// another call.
        pended: bool,
    },
    /// One of NMR's functions or callbacks begins or ends.
    Nmr(NmrMoment),
    /// A driver's image is mapped.
    Mapped {
        /// The driver's service.
        service: String,
        /// Its image.
        image: String,
        /// `true` if its threads are preempted at atomic instructions in this cycle.
        preempted: bool,
    },
    /// `DriverEntry` is called.
    Entry {
        /// The driver's service.
        service: String,
        /// Its image.
        image: String,
    },
    /// `DriverEntry` returned.
    EntryReturned {
        /// The driver's service.
        service: String,
        /// What it returned.
        status: i32,
    },
    /// `DriverUnload` is called.
    Unload {
        /// The driver's service.
        service: String,
        /// Its image.
        image: String,
    },
    /// `DriverUnload` returned.
    UnloadReturned {
        /// The driver's service.
        service: String,
    },
    /// A driver's image is unmapped.
    Unmapped {
        /// The driver's service.
        service: String,
        /// Its image.
        image: String,
    },
    /// A module comes to another state towards a peer.
    Transition {
        /// The module's service.
        service: String,
        /// The service of the peer.
        peer: String,
        /// The state that it leaves.
        from: Stage,
        /// The state that it comes to.
        to: Stage,
    },
    /// The thread waits.
    Wait {
        /// What for.
        on: String,
    },
    /// The thread goes on after a wait.
    Wake,
    /// The thread has ended.
    ThreadEnd,
    /// A call is made to fail, or a callback to take a while.
    Fault(String),
    /// A rule is broken or the machine stops.
    Finding(Box<Finding>),
    /// Something is worth telling but no failure.
    Note(Box<Finding>),
    /// A driver needs what the simulated kernel does not provide.
    Unsupported(Box<Unsupported>),
    /// A function that was under way at a finding.
    Frame(Frame),
    /// Anything else, in words.
    Message(String),
}

impl From<String> for TraceKind {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

/// The text trace; empty if that has no line for the event.
impl fmt::Display for TraceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { callee, caller, .. } => match caller {
                Some(caller) => write!(f, "-> {callee} from {caller}"),
                None => write!(f, "-> {callee}"),
            },
            Self::Return { callee, value, .. } => write!(f, "<- {callee} = {value:#x}"),
            Self::Nmr(moment) => write!(f, "nmr {moment}"),
            Self::Mapped {
                service,
                image,
                preempted,
            } => {
                let how = if *preempted {
                    ", preempted at atomic instructions"
                } else {
                    ""
                };
                write!(f, "{service} is {image}{how}")
            }
            Self::EntryReturned { service, status } => {
                write!(f, "DriverEntry of {service} = {status:#010x}")
            }
            Self::Wait { on } => write!(f, "waits for {on}"),
            Self::Fault(call) => write!(f, "fault: {call}"),
            Self::Finding(finding) => write!(f, "FINDING {finding}"),
            Self::Note(note) => write!(f, "NOTE {note}"),
            Self::Unsupported(unsupported) => unsupported.fmt(f),
            Self::Frame(frame) => write!(f, "  in {frame}"),
            Self::Message(message) => f.write_str(message),
            Self::Entry { .. }
            | Self::Unload { .. }
            | Self::UnloadReturned { .. }
            | Self::Unmapped { .. }
            | Self::Transition { .. }
            | Self::Wake
            | Self::ThreadEnd => Ok(()),
        }
    }
}
