// SPDX-License-Identifier: MIT OR Apache-2.0

//! Net buffer lists: those of the network stack, and drivers' clones of them and own ones.

mod functions;
mod injection;
mod layout;
mod streams;

use std::ops::Range;

use rand::RngExt;
use windows_sys::Win32::Foundation::{
    STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};

pub(in crate::exports::wfp) use layout::stream_of;
pub(in crate::exports) use layout::{Buffer, pieces};
use layout::{Described, List, MOST, described, make, set_direction, write_headers};

use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::exports::wfp::layers::Indication;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::loader::export::Export;
use crate::objects::wfp::packets::{Origin, Packet};
use crate::verifier::faults::{self, FaultKind};

/// What the files of this folder export.
pub(in crate::exports::wfp) const TABLES: &[&[Export]] = &[
    EXPORTS,
    functions::EXPORTS,
    injection::EXPORTS,
    streams::EXPORTS,
];

exports! {
    of "fwpkclnt.sys":
    "FwpsAllocateCloneNetBufferList0" <= DISPATCH_LEVEL => allocate_clone: i32;
    "FwpsAllocateNetBufferAndNetBufferList0" <= DISPATCH_LEVEL => allocate: i32;
    "FwpsFreeCloneNetBufferList0" <= DISPATCH_LEVEL => free_clone: ();
    "FwpsFreeNetBufferList0" <= DISPATCH_LEVEL => free: ();
    "FwpsReferenceNetBufferList0" <= DISPATCH_LEVEL => reference: ();
    "FwpsDereferenceNetBufferList0" <= DISPATCH_LEVEL => dereference: ();
    "FwpsGetPacketListSecurityInformation0" <= DISPATCH_LEVEL => security_information: i32;
}

fn add(state: &mut State, at: usize, origin: Origin, parent: Option<usize>) {
    let by = caller(state).filter(|_| origin != Origin::Stack);
    let packets = &mut state.objects.wfp.packets;
    let handles = parent
        .and_then(|it| packets.get(it))
        .map_or_else(Vec::new, |it| it.handles.clone());
    packets.all.push(Packet {
        at,
        origin,
        parent,
        references: 1,
        held: Vec::new(),
        by,
        injected: None,
        handles,
        context: 0,
        shown: 0,
        completes: None,
    });
}

/// A packet of the network stack, which sends or receives it; 0 if there is no memory.
pub(in crate::exports::wfp) fn receive(state: &mut State, of: Indication) -> usize {
    let what = draw(state);
    let Some(at) = make(state, what) else {
        return 0;
    };
    let Described::Own { length, .. } = what else {
        return 0;
    };
    write_headers(at, of, length);
    set_direction(at, of.is_sent);
    add(state, at, Origin::Stack, None);
    at
}

/// The data of the next packet: most are of one length and lie in one piece.
fn draw(state: &mut State) -> Described {
    const USUAL: usize = 64;
    let random = &mut state.choices.activity;
    let length = match random.random_range(0..8) {
        0 => random.random_range(1..=MOST),
        1 => random.random_range(1..=USUAL),
        _ => USUAL,
    };
    let is_split = length > 1 && random.random_ratio(1, 4);
    let first = if is_split {
        random.random_range(1..length)
    } else {
        length
    };
    Described::Own { length, first }
}

/// Returns the first buffer of a packet, or 0 if there is no packet.
fn first_buffer(packet: usize) -> usize {
    if packet == 0 {
        return 0;
    }
    // SAFETY: the packet is in memory while it is classified.
    unsafe { (*(packet as *const List)).first }
}

/// Moves the start of a packet of the network stack so that the next layer sees these `headers`
/// before the data. If a driver with a reference has moved the start meanwhile, both moves add up.
pub(in crate::exports::wfp) fn show(state: &mut State, packet: usize, headers: u32) {
    let Some(it) = state.objects.wfp.packets.get(packet) else {
        return;
    };
    if it.origin != Origin::Stack {
        return;
    }
    let more = i64::from(headers) - i64::from(it.shown);
    it.shown = headers;
    let buffer = first_buffer(packet) as *mut Buffer;
    // SAFETY: the packet, its buffer and its MDLs are in memory until it is released.
    unsafe { (*buffer).show_more(more) };
}

/// Records that a call of `classifyFn` for a packet begins on the current thread.
pub(in crate::exports::wfp) fn watch(state: &mut State, packet: usize) {
    let current = state.scheduling.current_id();
    let moved = &mut state.objects.wfp.packets.moved;
    moved.push((current, first_buffer(packet), 0));
}

/// Records that the call has returned. Returns `true` if it has moved the start of the packet's
/// data and not moved it back.
pub(in crate::exports::wfp) fn has_moved(state: &mut State) -> bool {
    let current = state.scheduling.current_id();
    let moved = &mut state.objects.wfp.packets.moved;
    let last = moved.iter().rposition(|it| it.0 == current);
    last.is_some_and(|last| moved.remove(last).2 != 0)
}

/// Describes the code that has injected a driver's own packet with MDLs or data in `memory`.
pub(in crate::exports) fn injected_with(state: &State, memory: &Range<usize>) -> Option<String> {
    let injected = state.objects.wfp.packets.all.iter();
    let mut own = injected.filter(|it| it.injected.is_some() && it.origin == Origin::Allocated);
    let uses = |packet: &&Packet| {
        let buffer = first_buffer(packet.at) as *const Buffer;
        // SAFETY: a packet that is not freed is in memory, with its MDLs: who frees one is stopped.
        let mut parts = unsafe { described(buffer) }.into_iter();
        parts.any(|part| part.start < memory.end && memory.start < part.end)
    };
    let by = own.find(uses)?.injected?;
    Some(state.loader.drivers.show(by))
}

/// The owner of a net buffer list, or a clone, needs it no more.
pub(in crate::exports::wfp) fn release(state: &mut State, at: usize) {
    let mut next = Some(at);
    while let Some(at) = next.take() {
        let packets = &mut state.objects.wfp.packets;
        let Some(packet) = packets.get(at) else {
            return;
        };
        packet.references -= 1;
        if packet.references == 0 {
            next = packet.parent;
            packets.all.retain(|it| it.at != at);
            let by = caller(state);
            let _ = state.memory.pool.free(at, 0, by);
        }
    }
}

pub(super) unsafe extern "win64" fn allocate_clone(
    original: usize,
    _list_pool: usize,
    _buffer_pool: usize,
    _flags: u32,
    clone: *mut usize,
) -> i32 {
    if original == 0 || clone.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    require(original, "FwpsAllocateCloneNetBufferList0");
    // SAFETY: a list that is not freed is readable, as its first buffer is.
    let (mdl, offset, length) = unsafe {
        let buffer = (*(original as *const List)).first as *const Buffer;
        let buffer = buffer.read();
        (buffer.current_mdl, buffer.current_offset, buffer.length)
    };
    let new = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let new = make(
            state,
            Described::By {
                mdl,
                offset,
                length,
            },
        )?;
        add(state, new, Origin::Clone, Some(original));
        if let Some(parent) = state.objects.wfp.packets.get(original) {
            parent.references += 1;
        }
        Some(new)
    });
    let Some(new) = new else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: both lists are in memory, and the address may be written, as documented.
    unsafe {
        (*(new as *mut List)).parent = original;
        (*(original as *mut List)).children += 1;
        clone.write(new);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn allocate(
    _pool: usize,
    _context_size: u16,
    _context_room: u16,
    mdl: usize,
    offset: u32,
    length: usize,
    list: *mut usize,
) -> i32 {
    if list.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    let new = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let new = make(
            state,
            Described::By {
                mdl,
                offset,
                length,
            },
        )?;
        add(state, new, Origin::Allocated, None);
        Some(new)
    });
    let Some(new) = new else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the address may be written, as documented.
    unsafe { list.write(new) };
    STATUS_SUCCESS
}

/// Stops unless there is a net buffer list at this address.
pub(in crate::exports::wfp) fn require(at: usize, function: &str) {
    if with(|state| state.objects.wfp.packets.get(at).is_some()) {
        return;
    }
    let by = with(|state| {
        let by = state.objects.wfp.packets.gone(at)?;
        Some(state.loader.drivers.show(by))
    });
    let what = match by {
        Some(by) => format!("{function} was called for a net buffer list that {by} has freed"),
        None => format!("{function} was called for {at:#x}, which is no net buffer list"),
    };
    stop("wfp", what);
}

pub(super) unsafe extern "win64" fn free_clone(list: usize, _flags: u32) {
    free_own(list, "FwpsFreeCloneNetBufferList0", Origin::Clone);
}

unsafe extern "win64" fn free(list: usize) {
    free_own(list, "FwpsFreeNetBufferList0", Origin::Allocated);
}

fn free_own(at: usize, function: &str, origin: Origin) {
    require(at, function);
    let (is_right, injected) = with(|state| {
        let packet = state.objects.wfp.packets.get(at);
        let found = packet.map(|it| (it.origin == origin, it.injected));
        let (is_right, injected) = found.unwrap_or_default();
        (is_right, injected.map(|by| state.loader.drivers.show(by)))
    });
    if !is_right {
        let what = format!("{function} was called for a net buffer list of another kind");
        stop("wfp", what);
    }
    if let Some(by) = injected {
        let what = format!(
            "{function} was called for a net buffer list that {by} has injected: it is the \
             stack's until the completion routine is called"
        );
        stop("wfp", what);
    }
    with(|state| {
        let by = caller(state);
        let packets = &mut state.objects.wfp.packets;
        packets.gone.push((at, by));
        let parent = packets.get(at).and_then(|it| it.parent);
        if let Some(parent) = parent {
            // SAFETY: the clone keeps its parent in memory.
            unsafe { (*(parent as *mut List)).children -= 1 };
        }
        release(state, at);
    });
}

unsafe extern "win64" fn reference(list: usize, _intends_to_modify: u8) {
    require(list, "FwpsReferenceNetBufferList0");
    with(|state| {
        let by = caller(state);
        if let Some(packet) = state.objects.wfp.packets.get(list) {
            packet.references += 1;
            packet.held.push(by);
        }
    });
}

/// Writes that `IPsec` has not processed a packet. The layout of what the filtering platform knows of
/// it is not documented, and is not written.
unsafe extern "win64" fn security_information(list: usize, _flags: u32, information: usize) -> i32 {
    require(list, "FwpsGetPacketListSecurityInformation0");
    set(information, 0_u32);
    STATUS_SUCCESS
}

unsafe extern "win64" fn dereference(list: usize, _at_dispatch: u8) {
    require(list, "FwpsDereferenceNetBufferList0");
    let was_held = with(|state| {
        let packet = state.objects.wfp.packets.get(list);
        let was_held = packet.is_some_and(|it| it.held.pop().is_some());
        if was_held {
            release(state, list);
        }
        was_held
    });
    if !was_held {
        let what = "FwpsDereferenceNetBufferList0 was called for a net buffer list without a \
                    reference of FwpsReferenceNetBufferList0";
        stop("wfp", what.to_owned());
    }
}
