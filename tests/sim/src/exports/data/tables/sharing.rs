// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who else uses a table: its users must exclude each other.

use super::layout::Table;
use crate::findings::caller::{origin, show_call};
use crate::findings::stop;
use crate::kernel::{State, with};
use crate::scheduling::frame::{Callee, Frame};

/// What a function does to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Reads its count, which is a word.
    Count,
    Read,
    Change,
}

impl Use {
    /// The use that the function with this name makes of a table, if it has one. A look-up in
    /// a splay tree moves what it finds.
    fn of(name: &str) -> Option<Self> {
        const READS: [&str; 5] = [
            "RtlEnumerateGenericTableWithoutSplaying",
            "RtlEnumerateGenericTableWithoutSplayingAvl",
            "RtlLookupElementGenericTableAvl",
            "RtlLookupElementGenericTableFullAvl",
            "RtlLookupFirstMatchingElementGenericTableAvl",
        ];
        if !name.contains("GenericTable") {
            return None;
        }
        Some(match name {
            _ if name.starts_with("RtlNumber") || name.starts_with("RtlIs") => Self::Count,
            _ if READS.contains(&name) => Self::Read,
            _ => Self::Change,
        })
    }

    const fn conflicts(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Change, Self::Change | Self::Read) | (Self::Read, Self::Change)
        )
    }
}

/// The use that a call makes of the table at `table`.
fn use_of(frame: &Frame, table: usize) -> Option<Use> {
    let Callee::Import { export, .. } = frame.call else {
        return None;
    };
    (frame.first == table).then(|| Use::of(export.name))?
}

/// Checks that no other thread is in a function that the current call excludes.
pub(super) fn check(table: Table) {
    if let Some(what) = with(|state| conflict(state, table.at)) {
        stop("race", what);
    }
}

fn conflict(state: &State, table: usize) -> Option<String> {
    let current = state.scheduling.current_id().0;
    let own = state.scheduling.current().frames.last()?;
    let own_use = use_of(own, table)?;
    let others = state.scheduling.threads().iter().enumerate();
    let mut frames = others
        .filter(|(index, thread)| *index != current && !thread.has_ended())
        .flat_map(|(_, thread)| &thread.frames);
    let other = frames.find(|frame| {
        let other = use_of(frame, table);
        other.is_some_and(|it| own_use.conflicts(it)) && origin(state, frame).is_some()
    })?;
    Some(format!(
        "{} uses a table while another thread is in {}: no lock keeps one of them out",
        own.call.target(),
        show_call(state, other)
    ))
}
