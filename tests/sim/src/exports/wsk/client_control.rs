// SPDX-License-Identifier: MIT OR Apache-2.0

//! `WskControlClient`: the transports that there are, cached security descriptors, and the event
//! callbacks of all sockets.

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS,
};
use windows_sys::core::GUID;

use crate::exports::exports;
use crate::exports::security::self_relative;
use crate::exports::wsk::client::captured;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::{TAG, requests, timing};
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "wsk":
    "WskControlClient" <= DISPATCH_LEVEL => wsk_control_client: i32;
}

const NAME: &str = "WskControlClient";

/// `WSK_EVENT_CALLBACK_CONTROL`.
#[repr(C)]
pub(super) struct EventCallbackControl {
    id: usize,
    pub(super) mask: u32,
}

/// `WSK_TRANSPORT`.
#[repr(C)]
struct Transport {
    version: u16,
    socket_type: u16,
    protocol: u32,
    family: u16,
    provider: GUID,
}

const _: () = assert!(size_of::<Transport>() == 28);

impl Transport {
    /// A transport of this machine: streams by TCP or datagrams by UDP.
    const fn of(family: u16, is_stream: bool) -> Self {
        const PROVIDER: GUID = GUID::from_u128(0xE70F_1AA0_AB8B_11CF_8CA3_0080_5F48_A192);
        let (socket_type, protocol) = if is_stream { (1, 6) } else { (2, 17) };
        Self {
            version: 1,
            socket_type,
            protocol,
            family,
            provider: PROVIDER,
        }
    }
}

/// `AF_INET` and `AF_INET6`, each with both kinds of sockets.
static TRANSPORTS: [Transport; 4] = [
    Transport::of(2, true),
    Transport::of(2, false),
    Transport::of(23, true),
    Transport::of(23, false),
];

/// The buffers of a control operation.
#[derive(Clone, Copy)]
struct Buffers {
    input: *const usize,
    input_length: usize,
    output: *mut usize,
    output_length: usize,
}

/// What comes of a control operation: its status, and the number of bytes for
/// `OutputSizeReturned`.
type Outcome = (i32, usize);

unsafe extern "win64" fn wsk_control_client(
    client: usize,
    code: u32,
    input_length: usize,
    input: *const usize,
    output_length: usize,
    output: *mut usize,
    returned: *mut usize,
    irp: usize,
) -> i32 {
    const TRANSPORT_LIST_QUERY: u32 = 2;
    const TRANSPORT_LIST_CHANGE: u32 = 3;
    const CACHE_SD: u32 = 4;
    const RELEASE_SD: u32 = 5;
    const SET_STATIC_EVENT_CALLBACKS: u32 = 7;

    let at = captured(client, NAME);
    if code == TRANSPORT_LIST_CHANGE {
        return await_change(at, irp);
    }
    if irp != 0 {
        let what = format!(
            "{NAME} was called with an IRP and control code {code}: it must be NULL for all but \
             WSK_TRANSPORT_LIST_CHANGE"
        );
        stop(NetworkRule::Parameters, what);
    }
    let buffers = Buffers {
        input,
        input_length,
        output,
        output_length,
    };
    let (status, length) = match code {
        TRANSPORT_LIST_QUERY => list_transports(buffers),
        CACHE_SD => (cache(buffers), 0),
        RELEASE_SD => (release(buffers), 0),
        SET_STATIC_EVENT_CALLBACKS => (enable_events(at, buffers), 0),
        // Those of the Transport Driver Interface, which nothing here has.
        _ => (STATUS_NOT_SUPPORTED, 0),
    };
    if !returned.is_null() {
        // SAFETY: it is not null, and so may be written, as documented.
        unsafe { returned.write(length) };
    }
    status
}

/// The driver learns how much room it needs if there is too little.
fn list_transports(buffers: Buffers) -> Outcome {
    let length = size_of_val(&TRANSPORTS);
    if buffers.output.is_null() || buffers.output_length < length {
        return (STATUS_BUFFER_OVERFLOW, length);
    }
    let source = (&raw const TRANSPORTS).cast::<u8>();
    // SAFETY: the output has room for all transports, as was just checked, and is the driver's.
    unsafe {
        buffers
            .output
            .cast::<u8>()
            .copy_from_nonoverlapping(source, length);
    }
    (STATUS_SUCCESS, length)
}

/// Keeps a request until the list of transports changes, which it may.
fn await_change(at: usize, irp: usize) -> i32 {
    /// Transports come and go rarely.
    const LONGEST: u64 = 20 * timing::LONGEST;
    if irp == 0 {
        let what =
            format!("{NAME} was called with WSK_TRANSPORT_LIST_CHANGE and no IRP: it needs one");
        stop(NetworkRule::Parameters, what);
    }
    let request = requests::take(irp, NAME, at, None);
    if with(|state| faults::fails(state, FaultKind::Network)) {
        return requests::complete_now(request, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    with(|state| {
        let by = caller(state);
        if timing::once_in(state, 4) {
            timing::later(state, by, LONGEST, move || {
                requests::complete(request, STATUS_SUCCESS, 0);
            });
        }
    });
    STATUS_PENDING
}

/// A registration ends at `by`: its requests for changes of the list are cancelled.
pub(super) fn cancel_notifications(state: &mut State, at: usize, by: Option<Site>) {
    let requests = state.network.requests.for_function(at, NAME);
    if requests.is_empty() {
        return;
    }
    timing::surely(state, by, move || {
        for request in requests {
            requests::complete(request, STATUS_CANCELLED, 0);
        }
    });
}

/// The pointer that an input buffer consists of, if there is one.
fn pointer(buffers: Buffers) -> Option<usize> {
    if buffers.input.is_null() || buffers.input_length < size_of::<usize>() {
        return None;
    }
    // SAFETY: the input is there, with the length that was just checked.
    let pointer = unsafe { buffers.input.read_unaligned() };
    (pointer != 0).then_some(pointer)
}

fn cache(buffers: Buffers) -> i32 {
    let descriptor = pointer(buffers);
    let has_room = !buffers.output.is_null() && buffers.output_length >= size_of::<usize>();
    let Some(descriptor) = descriptor.filter(|_| has_room) else {
        return STATUS_INVALID_PARAMETER;
    };
    let bytes = self_relative(descriptor);
    let cached = with(|state| {
        if faults::fails(state, FaultKind::Network) {
            return None;
        }
        let by = caller(state);
        let pool = &mut state.memory.pool;
        let cached = pool.allocate(bytes.len(), TAG, true, None)?;
        state.network.descriptors.insert(cached, by);
        Some(cached)
    });
    let Some(cached) = cached else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the memory was just allocated for these bytes.
    unsafe { (cached as *mut u8).copy_from(bytes.as_ptr(), bytes.len()) };
    // SAFETY: the output has room for a pointer, as was just checked.
    unsafe { buffers.output.write_unaligned(cached) };
    STATUS_SUCCESS
}

fn release(buffers: Buffers) -> i32 {
    let Some(cached) = pointer(buffers) else {
        return STATUS_INVALID_PARAMETER;
    };
    let found = with(|state| {
        let found = state.network.descriptors.remove(&cached).is_some();
        if found {
            let by = caller(state);
            let _ = state.memory.pool.free(cached, TAG, by);
        }
        found
    });
    if !found {
        let what = "WSK_RELEASE_SD was called for a security descriptor that WSK_CACHE_SD has not \
                    cached, or that was released before";
        stop(NetworkRule::Objects, what.to_owned());
    }
    STATUS_SUCCESS
}

/// Ends the cycle if a function for a socket gets a security descriptor that is not cached.
pub(super) fn check_cached(descriptor: usize, function: &str) {
    let is_cached = |state: &State| state.network.descriptors.contains_key(&descriptor);
    if descriptor != 0 && !with(|state| is_cached(state)) {
        let what = format!(
            "{function} was called with a security descriptor that WSK_CACHE_SD has not cached, or \
             that was released before"
        );
        stop(NetworkRule::Parameters, what);
    }
}

fn enable_events(at: usize, buffers: Buffers) -> i32 {
    let input = buffers.input.cast::<EventCallbackControl>();
    if input.is_null() || buffers.input_length < size_of::<EventCallbackControl>() {
        return STATUS_INVALID_PARAMETER;
    }
    if with(|state| state.network.sockets.first_of(at).is_some()) {
        let what = format!(
            "{NAME} was called with WSK_SET_STATIC_EVENT_CALLBACKS while the driver has a socket: \
             it comes before the first one is made"
        );
        stop(NetworkRule::Parameters, what);
    }
    // SAFETY: the input is there, with the length that was just checked.
    let mask = unsafe { (*input).mask };
    with(|state| {
        if let Some(one) = state.network.registrations.get_mut(at) {
            one.static_events = mask;
        }
    });
    STATUS_SUCCESS
}
