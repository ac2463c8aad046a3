// SPDX-License-Identifier: MIT OR Apache-2.0

//! Data indications of event callbacks, which drivers may retain until `WskRelease`.

use std::mem::offset_of;

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::STATUS_PENDING;

use crate::findings::stop_at;
use crate::io::mdl::{self, Mdl, NON_PAGED};
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::TAG;
use crate::network::addresses::Address;

/// `WSK_DATAGRAM_INDICATION`, which begins as `WSK_DATA_INDICATION` does, and what lies behind it.
#[repr(C)]
struct Indication {
    next: usize,
    mdl: usize,
    offset: u32,
    length: usize,
    control: usize,
    control_length: u32,
    remote: usize,
    /// Where `BytesAccepted` of `WskReceiveEvent` leads to.
    accepted: usize,
    address: [u8; 28],
}

/// Makes an indication of `bytes`, from `remote` if it is of a datagram; `None` if there is no
/// memory.
pub(crate) fn make(state: &mut State, bytes: &[u8], remote: Option<Address>) -> Option<usize> {
    let header = size_of::<Indication>().next_multiple_of(16);
    let room = mdl::size(0xFFF, bytes.len()).next_multiple_of(16);
    let size = header + room + bytes.len();
    let at = state.memory.pool.allocate(size, TAG, true, None)?;
    let (list, data) = (at + header, at + header + room);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut described = Mdl::new(data, length, NON_PAGED);
    described.mapped = data;
    let indication = at as *mut Indication;
    // SAFETY: the memory was just allocated for all of it, zeroed.
    unsafe {
        (list as *mut Mdl).write(described);
        (data as *mut u8).copy_from(bytes.as_ptr(), bytes.len());
        (*indication).mdl = list;
        (*indication).length = bytes.len();
        (*indication).accepted = bytes.len();
        if let Some(remote) = remote {
            let address = (&raw mut (*indication).address).addr();
            (*indication).remote = address;
            remote.write(address);
        }
    }
    Some(at)
}

/// Where the number of accepted bytes of an indication is.
pub(crate) const fn accepted(at: usize) -> *mut usize {
    (at + offset_of!(Indication, accepted)) as *mut usize
}

/// Frees an indication; `by` is the code that has let it go.
pub(crate) fn free(state: &mut State, at: usize, by: Option<Site>) {
    let _ = state.memory.pool.free(at, TAG, by);
}

/// Records that an indication is about to be passed to a callback of the socket.
pub(crate) fn show(state: &mut State, socket: usize, at: usize) {
    if let Some(socket) = state.network.sockets.get_mut(socket) {
        socket.shown.insert(at, None);
    }
}

/// Records that the callback, the code at `by`, has returned `result`.
pub(crate) fn returned(socket: usize, at: usize, result: i32, by: Option<Site>) {
    let keeps = result == STATUS_PENDING;
    let released = with(|state| {
        let found = state.network.sockets.get_mut(socket);
        let released = found.and_then(|socket| {
            let released = socket.shown.remove(&at)?;
            if keeps && released.is_none() {
                socket.kept.insert(at, by);
            }
            Some(released)
        });
        if !(keeps && released == Some(None)) {
            free(state, at, by);
        }
        released.flatten()
    });
    if released.is_some() && !keeps {
        not_kept(released);
    }
}

/// Releases an indication that its driver has retained, or may be about to retain. Returns `false`
/// if there is none.
pub(crate) fn release(state: &mut State, socket: usize, at: usize, by: Option<Site>) -> bool {
    let Some(socket) = state.network.sockets.get_mut(socket) else {
        return false;
    };
    if let Some(released @ None) = socket.shown.get_mut(&at) {
        *released = by;
        return true;
    }
    let found = socket.kept.remove(&at).is_some();
    if found {
        free(state, at, by);
    }
    found
}

/// Stops at code that has released an indication which no callback has retained.
pub(crate) fn not_kept(by: Option<Site>) -> ! {
    let what = "WskRelease was called for a data indication that the socket's event callback has \
                not kept by returning STATUS_PENDING, or that was released before";
    stop_at(NetworkRule::Indications, what.to_owned(), by);
}
