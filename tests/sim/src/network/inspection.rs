// SPDX-License-Identifier: MIT OR Apache-2.0

//! Conditional accept: the driver is asked by `WskInspectEvent` before a connection is accepted,
//! and may decide later. `WskAbortEvent` tells it that a connection is not there any more.

use windows_sys::Win32::Foundation::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

use crate::kernel::{State, with};
use crate::network::TAG;
use crate::network::accepting::refuse;
use crate::network::events::{self, Call, Event};
use crate::network::listening::{self, Arrival};
use crate::network::timing::{self, LONGEST};

/// `WskInspectReject`, `WskInspectAccept` and `WskInspectPend`.
const REJECT: i32 = 0;
const ACCEPT: i32 = 1;
const PEND: i32 = 2;

/// The arguments of the callbacks that are memory.
#[repr(C)]
struct Arguments {
    local: [u8; 32],
    remote: [u8; 32],
    /// `WSK_INSPECT_ID`.
    key: usize,
    serial: u32,
}

/// Asks the driver whether a connection may be accepted.
pub(in crate::network) fn inspect(at: usize, call: Call, arrival: Arrival) {
    let made = with(|state| {
        let memory = allocate(state)?;
        let socket = state.network.sockets.get_mut(at)?;
        let listening = &mut socket.listening;
        listening.last += 1;
        // It may be decided before the callback has returned.
        listening.undecided.insert(listening.last, arrival);
        Some((memory, listening.last, socket.local))
    });
    let Some((memory, serial, local)) = made else {
        refuse(&arrival);
        events::leave(call);
        return;
    };
    let [local_at, remote_at, id] = places(memory);
    // SAFETY: the memory is the network's, with room for addresses of either family.
    unsafe {
        if let Some(local) = local {
            local.write(local_at);
        }
        arrival.from.write(remote_at);
        (*(memory as *mut Arguments)).key = at;
        (*(memory as *mut Arguments)).serial = serial;
    }
    let (result, site) = events::run(call, &[call.context, local_at, remote_at, id]);
    with(|state| {
        let _ = state.memory.pool.free(memory, TAG, site);
    });
    match result {
        REJECT | ACCEPT => {
            decide(at, serial, result == ACCEPT);
        }
        PEND => with(|state| {
            // Now and then who connects does not wait for that.
            if timing::once_in(state, 3) {
                timing::later(state, site, 20 * LONGEST, move || abort(at, serial));
            }
        }),
        other => events::wrong_result(Event::Inspect, other, site),
    }
    events::leave(call);
    listening::hand_out(at);
}

fn allocate(state: &mut State) -> Option<usize> {
    let pool = &mut state.memory.pool;
    pool.allocate(size_of::<Arguments>(), TAG, true, None)
}

/// Where the addresses and the id are.
fn places(memory: usize) -> [usize; 3] {
    let arguments = memory as *mut Arguments;
    // SAFETY: the fields are in the memory that was allocated for them; nothing is read.
    unsafe {
        [
            (&raw mut (*arguments).local).addr(),
            (&raw mut (*arguments).remote).addr(),
            (&raw mut (*arguments).key).addr(),
        ]
    }
}

/// The driver decides on a connection. Returns the status.
fn decide(at: usize, serial: u32, accepts: bool) -> i32 {
    let found = with(|state| {
        let listening = &mut state.network.sockets.get_mut(at)?.listening;
        let mut arrival = listening.undecided.remove(&serial)?;
        if accepts {
            arrival.inspected = true;
            listening.arrivals.push_front(arrival);
        }
        Some(arrival)
    });
    match found {
        Some(arrival) if !accepts => refuse(&arrival),
        Some(_) => {}
        None => return STATUS_INVALID_PARAMETER,
    }
    STATUS_SUCCESS
}

/// The driver decides on a connection that it has pended: `WskInspectComplete`. Returns the
/// status.
///
/// # Safety
///
/// `id` is a `WSK_INSPECT_ID`.
pub(crate) unsafe fn complete(at: usize, id: usize, action: i32) -> i32 {
    let serial = (id + size_of::<usize>()) as *const u32;
    // SAFETY: the id is in memory, by this function's contract.
    let serial = unsafe { serial.read_unaligned() };
    match action {
        REJECT | ACCEPT => decide(at, serial, action == ACCEPT),
        _ => STATUS_INVALID_PARAMETER,
    }
}

/// A connection that the driver has not decided on is gone.
fn abort(at: usize, serial: u32) {
    let begun = with(|state| {
        let listening = &mut state.network.sockets.get_mut(at)?.listening;
        let arrival = listening.undecided.remove(&serial)?;
        let call = events::enter(state, at, Event::Abort)?;
        let memory = allocate(state);
        Some((arrival, call, memory))
    });
    let Some((arrival, call, memory)) = begun else {
        return;
    };
    refuse(&arrival);
    if let Some(memory) = memory {
        let [_, _, id] = places(memory);
        // SAFETY: the memory is the network's.
        unsafe {
            (*(memory as *mut Arguments)).key = at;
            (*(memory as *mut Arguments)).serial = serial;
        }
        let (result, site) = events::run(call, &[call.context, id]);
        with(|state| {
            let _ = state.memory.pool.free(memory, TAG, site);
        });
        if result != STATUS_SUCCESS {
            events::wrong_result(Event::Abort, result, site);
        }
    }
    events::leave(call);
}
