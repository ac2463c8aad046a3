// SPDX-License-Identifier: MIT OR Apache-2.0

//! Net buffer lists: those of the network stack, clones of them and others of drivers.

use std::mem::offset_of;

use windows_sys::Win32::Foundation::{
    STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::io::mdl::{Mdl, NON_PAGED};
use crate::kernel::{State, with};
use crate::objects::wfp::packets::{Origin, Packet};
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "fwpkclnt.sys":
    "FwpsAllocateCloneNetBufferList0" <= DISPATCH_LEVEL => allocate_clone: i32;
    "FwpsAllocateNetBufferAndNetBufferList0" <= DISPATCH_LEVEL => allocate: i32;
    "FwpsFreeCloneNetBufferList0" <= DISPATCH_LEVEL => free_clone: ();
    "FwpsFreeNetBufferList0" <= DISPATCH_LEVEL => free: ();
    "FwpsReferenceNetBufferList0" <= DISPATCH_LEVEL => reference: ();
    "FwpsDereferenceNetBufferList0" <= DISPATCH_LEVEL => dereference: ();
}

const TAG: u32 = u32::from_le_bytes(*b"NBL ");
/// The bytes of data that a packet of the stack carries, and those before them.
const DATA: usize = 64;
const ROOM: usize = 64;

/// `NET_BUFFER`.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub(in crate::exports) struct Buffer {
    next: usize,
    pub(in crate::exports) current_mdl: usize,
    pub(in crate::exports) current_offset: u32,
    pub(in crate::exports) length: usize,
    mdl: usize,
    pub(in crate::exports) offset: u32,
    checksum_bias: u16,
    pool: usize,
    reserved: [usize; 16],
}

/// `NET_BUFFER_LIST`.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
struct List {
    next: usize,
    first: usize,
    context: usize,
    parent: usize,
    pool: usize,
    gap: usize,
    reserved: [usize; 10],
    flags: u32,
    children: i32,
    more_flags: u32,
    status: i32,
    information: [usize; 32],
}

const _: () = assert!(offset_of!(List, status) == 140 && offset_of!(Buffer, offset) == 40);

/// `FWPS_STREAM_CALLOUT_IO_PACKET0`.
#[repr(C)]
struct StreamPacket {
    data: usize,
    missed: usize,
    required: u32,
    enforced: usize,
    action: u32,
}

/// `FWPS_STREAM_DATA0`.
#[repr(C)]
pub(super) struct StreamData {
    flags: u32,
    list: usize,
    buffer: usize,
    mdl: usize,
    mdl_offset: u32,
    buffer_offset: u32,
    stream_offset: usize,
    pub(super) length: usize,
    pub(super) chain: usize,
}

const _: () = assert!(offset_of!(StreamData, length) == 48);

/// What a net buffer list consists of, in one block of memory.
#[repr(C)]
struct Block {
    list: List,
    buffer: Buffer,
    mdl: Mdl,
    pages: [usize; 2],
    stream: StreamPacket,
    stream_data: StreamData,
    data: [u8; ROOM + DATA],
}

/// The `layerData` of the stream layer for a packet.
pub(super) const fn stream_of(at: usize) -> usize {
    at + offset_of!(Block, stream)
}

fn length_of_data() -> u32 {
    u32::try_from(ROOM + DATA).expect("it is small")
}

/// Makes a net buffer list with one buffer that describes `length` bytes from `offset` of an
/// MDL, or of data of its own if that is 0. Returns its address.
fn make(state: &mut State, mdl: usize, offset: u32, length: usize) -> Option<usize> {
    let pool = &mut state.memory.pool;
    let at = pool.allocate(size_of::<Block>(), TAG, true, None)?;
    let data = at + offset_of!(Block, data);
    let own = at + offset_of!(Block, mdl);
    let mdl = if mdl == 0 { own } else { mdl };
    let buffer = Buffer {
        next: 0,
        current_mdl: mdl,
        current_offset: offset,
        length,
        mdl,
        offset,
        checksum_bias: 0,
        pool: 0,
        reserved: [0; 16],
    };
    let buffer_at = at + offset_of!(Block, buffer);
    let list = List {
        next: 0,
        first: buffer_at,
        context: 0,
        parent: 0,
        pool: 0,
        gap: 0,
        reserved: [0; 10],
        flags: 0,
        children: 0,
        more_flags: 0,
        status: STATUS_SUCCESS,
        information: [0; 32],
    };
    let stream = StreamPacket {
        data: at + offset_of!(Block, stream_data),
        missed: 0,
        required: 0,
        enforced: 0,
        action: 0,
    };
    let stream_data = StreamData {
        flags: 0,
        list: at,
        buffer: buffer_at,
        mdl,
        mdl_offset: offset,
        buffer_offset: 0,
        stream_offset: 0,
        length,
        chain: at,
    };
    let mut described = Mdl::new(data, length_of_data(), NON_PAGED);
    described.mapped = data;
    let block = Block {
        list,
        buffer,
        mdl: described,
        pages: [data / 4096, data / 4096 + 1],
        stream,
        stream_data,
        data: [0; ROOM + DATA],
    };
    // SAFETY: the block was just allocated for it.
    unsafe { (at as *mut Block).write(block) };
    Some(at)
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

/// A packet of the network stack; 0 if there is no memory.
pub(super) fn receive(state: &mut State) -> usize {
    let room = u32::try_from(ROOM).expect("it is small");
    let Some(at) = make(state, 0, room, DATA) else {
        return 0;
    };
    add(state, at, Origin::Stack, None);
    at
}

/// The owner of a net buffer list, or a clone, needs it no more.
pub(super) fn release(state: &mut State, at: usize) {
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

/// Where the data of the first buffer of a list begins, in the MDL that describes it.
///
/// # Safety
///
/// The list, its buffer and the MDL of that are in memory.
pub(super) unsafe fn data_of(list: usize) -> usize {
    // SAFETY: the list is in memory, by this function's contract.
    let buffer = unsafe { (*(list as *const List)).first };
    // SAFETY: so is its buffer.
    unsafe { current(buffer as *const Buffer) }
}

/// # Safety
///
/// The buffer and the MDL of it are in memory.
pub(in crate::exports) unsafe fn current(buffer: *const Buffer) -> usize {
    // SAFETY: the buffer is in memory, by this function's contract.
    let buffer = unsafe { buffer.read() };
    // SAFETY: so is its MDL.
    let mdl = unsafe { &*(buffer.current_mdl as *const Mdl) };
    mdl.memory().start + buffer.current_offset as usize
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
        let new = make(state, mdl, offset, length)?;
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
        let new = make(state, mdl, offset, length)?;
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
