// SPDX-License-Identifier: MIT OR Apache-2.0

//! The structures of net buffer lists, and those that the stream layer passes to callouts.

use std::mem::offset_of;
use std::ops::Range;

use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use crate::exports::wfp::layers::{Indication, LOCAL, LOCAL_V4, REMOTE, REMOTE_V4};
use crate::hardware::arena::PAGE;
use crate::io::mdl::{Mdl, NON_PAGED};
use crate::kernel::State;

const TAG: u32 = u32::from_le_bytes(*b"NBL ");
/// The number of bytes before the data of a packet of the network stack: the headers, and room for
/// more.
pub(super) const ROOM: usize = 128;
/// The most bytes of data that one carries.
pub(super) const MOST: usize = 8 << 10;

/// The remaining hop limit of a packet.
const HOPS: u8 = 64;

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
pub(super) struct List {
    next: usize,
    pub(super) first: usize,
    context: usize,
    pub(super) parent: usize,
    pool: usize,
    gap: usize,
    reserved: [usize; 10],
    flags: u32,
    pub(super) children: i32,
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
    pages: [usize; PAGES],
    second: Mdl,
    second_pages: [usize; PAGES],
    stream: StreamPacket,
    stream_data: StreamData,
}

/// The most pages on which the data of a packet lie.
const PAGES: usize = MOST / PAGE + 2;

/// What the buffer of a net buffer list describes.
#[derive(Clone, Copy)]
pub(super) enum Described {
    /// `length` bytes of its own data. The first MDL describes `first` of them, and a second
    /// MDL the rest, if any.
    Own { length: usize, first: usize },
    /// `length` bytes from `offset` of an existing MDL.
    By {
        mdl: usize,
        offset: u32,
        length: usize,
    },
}

/// The `layerData` of the stream layer for a packet.
pub(in crate::exports::wfp) const fn stream_of(at: usize) -> usize {
    at + offset_of!(Block, stream)
}

/// `FWPS_STREAM_FLAG_RECEIVE` and `FWPS_STREAM_FLAG_SEND`.
pub(super) const RECEIVE: u32 = 0x1;
pub(super) const SEND: u32 = 0x1_0000;

/// The data of a packet's stream are sent or received.
pub(super) fn set_direction(at: usize, is_sent: bool) {
    let data = (at + offset_of!(Block, stream_data)) as *mut StreamData;
    // SAFETY: the packet was made by `make`, which no driver has seen yet.
    unsafe { (*data).flags = if is_sent { SEND } else { RECEIVE } };
}

/// An MDL of `length` bytes of non-paged memory from `start` on.
fn describe(start: usize, length: usize) -> Mdl {
    let mut mdl = Mdl::new(
        start,
        u32::try_from(length).expect("it is small"),
        NON_PAGED,
    );
    mdl.mapped = start;
    mdl
}

fn pages(start: usize) -> [usize; PAGES] {
    std::array::from_fn(|index| start / PAGE + index)
}

/// Makes a net buffer list with one buffer. Returns its address.
pub(super) fn make(state: &mut State, what: Described) -> Option<usize> {
    let own = match what {
        Described::Own { length, .. } => ROOM + length,
        Described::By { .. } => 0,
    };
    let pool = &mut state.memory.pool;
    let at = pool.allocate(size_of::<Block>() + own, TAG, true, None)?;
    let data = at + size_of::<Block>();
    let (mdl, offset, length, first) = match what {
        Described::Own { length, first } => {
            let room = u32::try_from(ROOM).expect("it is small");
            (at + offset_of!(Block, mdl), room, length, ROOM + first)
        }
        Described::By {
            mdl,
            offset,
            length,
        } => (mdl, offset, length, 0),
    };
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
    let mut mdl = describe(data, first);
    if first < own {
        mdl.next = at + offset_of!(Block, second);
    }
    let block = Block {
        list,
        buffer,
        mdl,
        pages: pages(data),
        second: describe(data + first, own - first),
        second_pages: pages(data + first),
        stream,
        stream_data,
    };
    // SAFETY: the block was just allocated for it.
    unsafe { (at as *mut Block).write(block) };
    Some(at)
}

/// Writes those header fields before the data of a new packet that describe the packet.
pub(super) fn write_headers(at: usize, of: Indication, length: usize) {
    let connection = of.connection;
    let [local, remote] = connection.ports();
    let (ports, addresses) = if of.is_sent {
        ([local, remote], [LOCAL_V4, REMOTE_V4])
    } else {
        ([remote, local], [REMOTE_V4, LOCAL_V4])
    };
    let transport_length = connection.transport_header() as usize + length;
    let short = |value: usize| u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes();
    let mut headers = Vec::new();
    if connection.is_v6 {
        headers.extend([0x60, 0, 0, 0]);
        headers.extend(short(transport_length));
        headers.extend([connection.protocol(), HOPS]);
        let (source, destination) = if of.is_sent {
            (LOCAL, REMOTE)
        } else {
            (REMOTE, LOCAL)
        };
        headers.extend(source.into_iter().chain(destination));
    } else {
        headers.extend([0x45, 0]);
        headers.extend(short(transport_length + connection.ip_header() as usize));
        headers.extend([0, 0, 0x40, 0, HOPS, connection.protocol(), 0, 0]);
        headers.extend(addresses.into_iter().flat_map(u32::to_be_bytes));
    }
    headers.extend(ports.into_iter().flat_map(u16::to_be_bytes));
    if connection.is_tcp {
        /// The header has five words; `SYN` or `ACK`.
        const WORDS: u8 = 5 << 4;
        let flags = if of.is_unauthorized { 2 } else { 0x10 };
        headers.extend([0, 0, 0, 1, 0, 0, 0, 1, WORDS, flags, 0xFF, 0xFF, 0, 0, 0, 0]);
    } else {
        headers.extend(short(transport_length));
        headers.extend([0, 0]);
    }
    let data = at + size_of::<Block>() + ROOM;
    // SAFETY: there is room for them before the data, which no driver has seen yet.
    unsafe { ((data - headers.len()) as *mut u8).copy_from(headers.as_ptr(), headers.len()) };
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
pub(super) unsafe fn current(buffer: *const Buffer) -> usize {
    // SAFETY: the buffer is in memory, by this function's contract.
    let buffer = unsafe { buffer.read() };
    // SAFETY: so is its MDL.
    let mdl = unsafe { &*(buffer.current_mdl as *const Mdl) };
    mdl.memory().start + buffer.current_offset as usize
}

/// The memory of a buffer's data, piece by piece: each MDL describes one.
///
/// # Safety
///
/// The buffer and its MDLs are in memory.
pub(in crate::exports) unsafe fn pieces(buffer: *const Buffer) -> Vec<Range<usize>> {
    // SAFETY: the buffer is in memory, by this function's contract.
    let buffer = unsafe { buffer.read() };
    let (mut at, mut offset) = (buffer.current_mdl, buffer.current_offset as usize);
    let mut left = buffer.length;
    let mut all = Vec::new();
    while at != 0 && left > 0 {
        // SAFETY: so are its MDLs.
        let mdl = unsafe { &*(at as *const Mdl) };
        let memory = mdl.memory();
        let start = memory.end.min(memory.start + offset);
        let end = memory.end.min(start + left);
        left -= end - start;
        all.push(start..end);
        (at, offset) = (mdl.next, 0);
    }
    all
}

/// Returns the memory of a buffer's MDLs, and the memory that they describe.
///
/// # Safety
///
/// The buffer and its MDLs are in memory.
pub(super) unsafe fn described(buffer: *const Buffer) -> Vec<Range<usize>> {
    // SAFETY: the buffer is in memory, by this function's contract.
    let mut at = unsafe { (*buffer).mdl };
    let mut all = Vec::new();
    while at != 0 {
        // SAFETY: so are its MDLs.
        let mdl = unsafe { &*(at as *const Mdl) };
        all.extend([at..at + size_of::<Mdl>(), mdl.memory()]);
        at = mdl.next;
    }
    all
}

impl Buffer {
    /// Moves the start of the data back by `bytes`.
    ///
    /// # Safety
    ///
    /// The MDLs are in memory.
    pub(super) unsafe fn show_more(&mut self, bytes: i64) {
        let offset = u32::try_from(i64::from(self.offset) - bytes);
        let length = isize::try_from(bytes)
            .ok()
            .and_then(|bytes| self.length.checked_add_signed(bytes));
        if let (Ok(offset), Some(length)) = (offset, length) {
            self.length = length;
            // SAFETY: the MDLs are in memory, by this function's contract.
            unsafe { self.begin_at(offset) };
        }
    }

    /// Moves the start of the data: it lies in the MDL that has the byte at this offset.
    ///
    /// # Safety
    ///
    /// The MDLs are in memory.
    pub(in crate::exports) unsafe fn begin_at(&mut self, offset: u32) {
        self.offset = offset;
        (self.current_mdl, self.current_offset) = (self.mdl, offset);
        loop {
            // SAFETY: the MDL is in memory, by this function's contract.
            let mdl = unsafe { &*(self.current_mdl as *const Mdl) };
            let length = u32::try_from(mdl.memory().len()).expect("an MDL has 32 bits for it");
            if self.current_offset < length || mdl.next == 0 {
                return;
            }
            self.current_offset -= length;
            self.current_mdl = mdl.next;
        }
    }
}
