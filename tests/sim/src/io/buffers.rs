// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a request carries, as its method wants it.
//!
//! `METHOD_BUFFERED` has one copy for what comes in and what goes out. The direct
//! methods have a copy of the input, and a memory descriptor list of the output,
//! which is mapped already. `METHOD_NEITHER` has the addresses that the program
//! gave, which a driver must not believe: nothing is there.

use crate::io::mdl::{self, LOCKED, MAPPED, Mdl};
use crate::kernel::State;

const TAG: u32 = u32::from_le_bytes(*b"Irp ");

/// An unmapped user-mode address.
const NOWHERE: usize = 0x1_0000;

/// How a request carries its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Buffered,
    Direct,
    Neither,
}

impl Method {
    /// That of a control code.
    pub(crate) const fn of(code: u32) -> Self {
        match code & 3 {
            0 => Self::Buffered,
            3 => Self::Neither,
            _ => Self::Direct,
        }
    }

    /// That of `IRP_MJ_READ` and `IRP_MJ_WRITE` for a device with these flags.
    pub(crate) const fn of_device(flags: u32) -> Self {
        const BUFFERED_IO: u32 = 0x04;
        const DIRECT_IO: u32 = 0x10;
        if flags & BUFFERED_IO != 0 {
            Self::Buffered
        } else if flags & DIRECT_IO != 0 {
            Self::Direct
        } else {
            Self::Neither
        }
    }
}

/// The buffers of a request; 0 is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Buffers {
    /// `SystemBuffer`.
    pub(crate) system: usize,
    /// `MdlAddress`, and what it maps.
    pub(crate) mdl: usize,
    mapped: usize,
    /// `UserBuffer` and `Type3InputBuffer`.
    pub(crate) user: [usize; 2],
}

impl Buffers {
    /// The buffer for the driver's output, if the system copies it back.
    const fn output(&self) -> usize {
        if self.mdl == 0 {
            self.system
        } else {
            self.mapped
        }
    }

    /// What the driver has put out.
    ///
    /// # Safety
    ///
    /// The buffers are in memory, and that of the output has this length.
    pub(crate) unsafe fn read(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let from = self.output() as *const u8;
        if !from.is_null() {
            // SAFETY: the buffers are in memory, and that of the output has
            // this length, by this function's contract.
            unsafe { bytes.as_mut_ptr().copy_from(from, length) };
        }
        bytes
    }
}

/// The buffers for a request that carries this.
pub(crate) fn make(state: &mut State, method: Method, input: &[u8], output: usize) -> Buffers {
    let mut buffers = Buffers::default();
    let system = match method {
        Method::Buffered => input.len().max(output),
        Method::Direct => input.len(),
        Method::Neither => {
            let given = |length| if length == 0 { 0 } else { NOWHERE };
            buffers.user = [given(output), given(input.len())];
            return buffers;
        }
    };
    if system > 0 {
        buffers.system = state.memory.pool.reserve(system, TAG);
        // SAFETY: the buffer was just made and is no shorter.
        unsafe { (buffers.system as *mut u8).copy_from(input.as_ptr(), input.len()) };
    }
    if method == Method::Direct && output > 0 {
        buffers.mapped = state.memory.pool.reserve(output, TAG);
        buffers.mdl = state
            .memory
            .pool
            .reserve(mdl::size(buffers.mapped, output), TAG);
        let length = u32::try_from(output).expect("requests are small");
        let mut mdl = Mdl::new(buffers.mapped, length, MAPPED | LOCKED);
        mdl.mapped = buffers.mapped;
        // SAFETY: the memory was just made for this.
        unsafe { (buffers.mdl as *mut Mdl).write(mdl) };
    }
    buffers
}

/// The request is complete.
pub(crate) fn free(state: &mut State, buffers: Buffers) {
    for block in [buffers.system, buffers.mdl, buffers.mapped] {
        if block != 0 {
            let _ = state.memory.pool.free(block, 0, None);
        }
    }
}
