// SPDX-License-Identifier: MIT OR Apache-2.0

//! Net buffer lists: those of the network stack, clones of them and others of drivers.

mod functions;
mod injection;
mod layout;
mod streams;

use rand::RngExt;
use windows_sys::Win32::Foundation::{
    STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};

pub(in crate::exports::wfp) use layout::stream_of;
pub(in crate::exports) use layout::{Buffer, pieces};
use layout::{Described, List, MOST, make, set_direction};

use crate::exports::exports;
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
    });
}

/// A packet of the network stack, which sends or receives it; 0 if there is no memory.
pub(in crate::exports::wfp) fn receive(state: &mut State, is_sent: bool) -> usize {
    let what = draw(state);
    let Some(at) = make(state, what) else {
        return 0;
    };
    set_direction(at, is_sent);
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

/// Where the data of a packet of the stack begin; 0 if there is no packet.
pub(in crate::exports::wfp) fn start_of(packet: usize) -> u32 {
    if packet == 0 {
        return 0;
    }
    // SAFETY: the packet is in memory while it is classified.
    let first = unsafe { (*(packet as *const List)).first };
    // SAFETY: so is its buffer.
    unsafe { (*(first as *const Buffer)).offset }
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
pub(super) fn require(at: usize, function: &str) {
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
