// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pairs the beginnings and ends of calls: what is under way on each thread.

use std::collections::BTreeMap;

use scenarios::{NmrCall, NmrMoment, Role, TraceKind};

/// Something that takes time on a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slice {
    /// A call between modules, by the name of the callee.
    Call(String),
    /// A callback of NMR: of a side of a binding.
    Callback(NmrCall, Role, Option<u64>),
    /// `DriverEntry`.
    Entry,
    /// `DriverUnload`.
    Unload,
    /// A wait.
    Wait,
}

/// What an event is to the slices of its thread.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Edge {
    Begin(Slice),
    End(Slice),
    /// The end of all.
    EndOfThread,
    Neither,
}

/// What an event begins or ends. NMR's functions are calls of their callers already.
pub(super) fn edge(kind: &TraceKind) -> Edge {
    match kind {
        TraceKind::Call { callee, .. } => Edge::Begin(Slice::Call(callee.clone())),
        TraceKind::Return { callee, .. } => Edge::End(Slice::Call(callee.clone())),
        TraceKind::Nmr(NmrMoment {
            call,
            side,
            binding,
            status,
            ..
        }) if call.is_callback() => {
            let slice = Slice::Callback(*call, *side, *binding);
            match status {
                None => Edge::Begin(slice),
                Some(_) => Edge::End(slice),
            }
        }
        TraceKind::Entry { .. } => Edge::Begin(Slice::Entry),
        TraceKind::EntryReturned { .. } => Edge::End(Slice::Entry),
        TraceKind::Unload { .. } => Edge::Begin(Slice::Unload),
        TraceKind::UnloadReturned { .. } => Edge::End(Slice::Unload),
        TraceKind::Wait { .. } => Edge::Begin(Slice::Wait),
        TraceKind::Wake => Edge::End(Slice::Wait),
        TraceKind::ThreadEnd => Edge::EndOfThread,
        _ => Edge::Neither,
    }
}

/// The slices that are under way, each with a value of its user's.
#[derive(Debug)]
pub(super) struct Stacks<T>(BTreeMap<u64, Vec<(Slice, T)>>);

impl<T> Default for Stacks<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Stacks<T> {
    pub(super) fn begin(&mut self, thread: u64, slice: Slice, value: T) {
        self.0.entry(thread).or_default().push((slice, value));
    }

    /// Ends a slice, and those within it that have not ended. Returns the values, the
    /// innermost first; none if the slice is not under way.
    pub(super) fn end(&mut self, thread: u64, slice: &Slice) -> Vec<T> {
        let open = self.0.entry(thread).or_default();
        let Some(place) = open.iter().rposition(|(it, _)| it == slice) else {
            return Vec::new();
        };
        values(open.split_off(place))
    }

    /// Ends all slices of a thread.
    pub(super) fn end_thread(&mut self, thread: u64) -> Vec<T> {
        values(self.0.remove(&thread).unwrap_or_default())
    }

    /// The threads on which slices are under way.
    pub(super) fn threads(&self) -> Vec<u64> {
        self.0.keys().copied().collect()
    }

    /// The slices that are under way on a thread, the outermost first.
    pub(super) fn of(&self, thread: u64) -> &[(Slice, T)] {
        self.0.get(&thread).map_or(&[], Vec::as_slice)
    }

    /// The innermost slice of a thread.
    pub(super) fn innermost(&mut self, thread: u64) -> Option<&mut (Slice, T)> {
        self.0.get_mut(&thread)?.last_mut()
    }
}

fn values<T>(ended: Vec<(Slice, T)>) -> Vec<T> {
    ended.into_iter().rev().map(|(_, value)| value).collect()
}
