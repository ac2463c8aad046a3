// SPDX-License-Identifier: MIT OR Apache-2.0

//! What stays under way after the function that began it has returned
//! `STATUS_PENDING`: requests until their completion, detaches until they are complete.

use std::collections::BTreeMap;

use scenarios::{NmrCall, NmrMoment, NpiCall, Role, TraceEvent, TraceKind};

const STATUS_PENDING: i32 = 0x103;

/// A request or a detach that pended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flight {
    /// The event that begins it.
    pub(super) begin: usize,
    /// The event that completes it, if one does.
    pub(super) end: Option<usize>,
    /// What is under way.
    pub(super) name: String,
    /// The side that has to complete it.
    pub(super) owner: Role,
    pub(super) binding: Option<u64>,
}

/// What identifies a flight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Request(u64),
    Detach(Option<u64>, Role),
}

/// A flight that may become one yet.
struct Candidate {
    flight: Flight,
    pended: bool,
}

/// All flights of a cycle, in the order in which they began.
pub(super) fn flights(events: &[TraceEvent]) -> Vec<Flight> {
    let mut open = BTreeMap::new();
    let mut done = Vec::new();
    for (index, event) in events.iter().enumerate() {
        follow(index, &event.kind, &mut open, &mut done);
    }
    done.extend(open.into_values());
    let pended = done.into_iter().filter(|it| it.pended);
    let mut flights: Vec<_> = pended.map(|it| it.flight).collect();
    flights.sort_unstable_by_key(|flight| flight.begin);
    flights
}

fn follow(
    index: usize,
    kind: &TraceKind,
    open: &mut BTreeMap<Key, Candidate>,
    done: &mut Vec<Candidate>,
) {
    let begin = |name: &str, owner, binding| Candidate {
        flight: Flight {
            begin: index,
            end: None,
            name: name.to_owned(),
            owner,
            binding,
        },
        pended: false,
    };
    match kind {
        TraceKind::Call {
            callee,
            npi:
                Some(NpiCall {
                    owner,
                    binding,
                    request: Some(request),
                    completes,
                }),
            ..
        } => {
            let key = Key::Request(*request);
            if !completes {
                open.insert(key, begin(callee, *owner, *binding));
            } else if let Some(it) = open.get_mut(&key) {
                it.flight.end = Some(index);
            }
        }
        TraceKind::Return {
            npi:
                Some(NpiCall {
                    request: Some(request),
                    completes: false,
                    ..
                }),
            pended,
            ..
        } => settle(Key::Request(*request), *pended, open, done),
        TraceKind::Nmr(NmrMoment {
            call,
            side,
            binding,
            status,
            ..
        }) => {
            let key = Key::Detach(*binding, *side);
            match (call, status) {
                (NmrCall::DetachCallback, None) => {
                    let name = call.function(*side);
                    open.insert(key, begin(name, *side, *binding));
                }
                (NmrCall::DetachCallback, Some(status)) => {
                    settle(key, *status == STATUS_PENDING, open, done);
                }
                (NmrCall::DetachComplete, None) => {
                    if let Some(it) = open.get_mut(&key) {
                        it.flight.end = Some(index);
                    }
                }
                _ => {}
            }
        }
        _ => {}
    }
}

/// The function that began a flight has returned.
fn settle(key: Key, pended: bool, open: &mut BTreeMap<Key, Candidate>, done: &mut Vec<Candidate>) {
    if !pended {
        open.remove(&key);
    } else if let Some(it) = open.get_mut(&key) {
        it.pended = true;
        // Another detach of the same name may follow.
        if it.flight.end.is_some() {
            done.extend(open.remove(&key));
        }
    }
}
