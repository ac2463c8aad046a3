// SPDX-License-Identifier: MIT OR Apache-2.0

//! Completions of requests that are not outstanding: what a driver is told of one, and
//! which of them are no finding.

use std::fmt;

use npi_description::{Function, Match};

use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::scheduling::frame::TableEntry;

/// The code of the finding, of which neither NMR nor Windows has one.
const COMPLETION: &str = "completion";

/// Why a request is not outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// No call has passed it.
    NeverPassed,
    /// It has been completed.
    Completed,
    /// Its call has returned this status.
    Answered(u32),
    /// It was passed in another binding, and is outstanding there.
    OtherBinding,
    /// No call of the binding is outstanding.
    NoneIsOutstanding,
}

/// A completion of a request that is not outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Undue {
    completion: &'static Function,
    why: Why,
}

impl Undue {
    pub(crate) const fn new(completion: &'static Function, why: Why) -> Self {
        Self { completion, why }
    }
}

impl fmt::Display for Undue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completion, why } = *self;
        let (name, calls) = (&completion.name, completion.completes.join(" or "));
        let argument = match completion.matched_by {
            Some(Match::Parameter(number)) => completion.parameters[number].name.as_str(),
            Some(Match::Order) | None => "request",
        };
        match why {
            Why::NeverPassed => write!(
                f,
                "{name} was called with a `{argument}` that no call of {calls} has passed"
            ),
            Why::Completed => write!(
                f,
                "{name} was called twice for one call of {calls}: its `{argument}` had been \
                 completed before"
            ),
            Why::Answered(status) => write!(
                f,
                "{name} was called for a call of {calls} that had returned {status:#x}, not \
                 STATUS_PENDING"
            ),
            Why::OtherBinding => write!(
                f,
                "{name} was called with a `{argument}` that a call of {calls} had passed in \
                 another binding"
            ),
            Why::NoneIsOutstanding => write!(
                f,
                "{name} was called, and no call of {calls} is outstanding in this binding"
            ),
        }
    }
}

/// The finding for a completion that `driver` makes by calling `target`, if it is one.
pub(crate) fn breach(
    state: &State,
    undue: Undue,
    driver: DriverId,
    target: usize,
) -> Option<(Code, String)> {
    // Linkers merge functions with the same instructions: then another one may be meant.
    let one = state.verifier.dispatch_tables.is_one_entry(target);
    let hostile = state.loader.drivers[driver].image.is_hostile();
    (one && !hostile).then(|| (COMPLETION.into(), undue.to_string()))
}

/// The finding for a call that returns `result` after its completion, if it is one: `target`
/// is the function that returns.
pub(crate) fn answered_too(
    state: &State,
    through: TableEntry,
    target: usize,
    result: u32,
) -> Option<(Code, String)> {
    let completion = through.function?.completed_by.as_ref()?;
    let driver = state.loader.drivers.site(target)?.driver;
    let one = state.verifier.dispatch_tables.is_one_entry(target);
    (one && !state.loader.drivers[driver].image.is_hostile()).then(|| {
        let what = format!(
            "{through} returned {result:#x} for a call that {completion} had completed: that \
             returns STATUS_PENDING"
        );
        (COMPLETION.into(), what)
    })
}
