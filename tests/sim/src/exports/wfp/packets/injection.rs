// SPDX-License-Identifier: MIT OR Apache-2.0

//! Injection of packets: each runs on a separate thread, on which callouts see the packet again,
//! and ends with the call of the completion routine.

use windows_sys::Win32::Foundation::{
    STATUS_FWP_INJECT_HANDLE_CLOSING, STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_SUCCESS,
};

use super::require as require_list;
use crate::exports::exports;
use crate::exports::wfp::layers::Layer;
use crate::exports::wfp::traffic;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, Irql, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::memory::pageable::set_irql;
use crate::objects::deferred;
use crate::objects::wfp::packets::Injection;
use crate::scheduling::{ThreadId, Waitable, block};
use crate::verifier::driver_call;
use crate::verifier::faults::{self, FaultKind};
use crate::verifier::routine::{EntryState, check_return};

exports! {
    of "fwpkclnt.sys":
    "FwpsInjectionHandleCreate0" <= PASSIVE_LEVEL => create: i32;
    "FwpsInjectionHandleDestroy0" <= PASSIVE_LEVEL => destroy: i32;
    "FwpsQueryPacketInjectionState0" <= DISPATCH_LEVEL => query: i32;
}

/// `FWPS_INJECTION_TYPE_STREAM` and so on.
const STREAM: u32 = 0x1;
const TRANSPORT: u32 = 0x2;
const NETWORK: u32 = 0x4;
const FORWARD: u32 = 0x8;
/// What a handle without a type is for.
const ANY_TYPE: u32 = STREAM | TRANSPORT | FORWARD;

unsafe extern "win64" fn create(family: u16, flags: u32, handle: *mut usize) -> i32 {
    const AF_INET6: u16 = 23;
    if handle.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    let created = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        let wfp = &mut state.objects.wfp;
        let handle = wfp.next_handle();
        wfp.packets.injections.push(Injection {
            handle,
            is_v6: family == AF_INET6,
            types: if flags == 0 { ANY_TYPE } else { flags },
            by,
            under_way: Vec::new(),
            ends: false,
        });
        Some(handle)
    });
    let Some(created) = created else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(created) };
    STATUS_SUCCESS
}

/// Waits until all injections are complete, as documented.
unsafe extern "win64" fn destroy(handle: usize) -> i32 {
    require(handle, "FwpsInjectionHandleDestroy0");
    with(|state| {
        if let Some(injection) = state.objects.wfp.packets.injection(handle) {
            injection.ends = true;
        }
    });
    let under_way = |state: &mut State| {
        let injection = state.objects.wfp.packets.injection(handle)?;
        injection.under_way.first().copied()
    };
    while let Some(thread) = with(under_way) {
        if thread == with(|state| state.scheduling.current_id()) {
            let what = "FwpsInjectionHandleDestroy0 was called in a completion routine of the \
                        handle: it waits for that to return";
            stop("deadlock", what.to_owned());
        }
        block(Waitable::Thread(thread), None);
    }
    with(|state| {
        let by = caller(state);
        let packets = &mut state.objects.wfp.packets;
        packets.injections.retain(|it| it.handle != handle);
        packets.gone.push((handle, by));
    });
    STATUS_SUCCESS
}

/// Stops unless there is an injection handle with this value.
fn require(handle: usize, function: &str) {
    if with(|state| state.objects.wfp.packets.injection(handle).is_some()) {
        return;
    }
    let by = with(|state| {
        let by = state.objects.wfp.packets.gone(handle)?;
        Some(state.loader.drivers.show(by))
    });
    let what = match by {
        Some(by) => {
            format!("{function} was called with an injection handle that {by} has destroyed")
        }
        None => format!("{function} was called with {handle:#x}, which is no injection handle"),
    };
    stop("wfp", what);
}

unsafe extern "win64" fn query(handle: usize, list: usize, context: *mut usize) -> i32 {
    /// `FWPS_PACKET_NOT_INJECTED` and so on.
    const NOT_INJECTED: i32 = 0;
    const BY_SELF: i32 = 1;
    const BY_OTHER: i32 = 2;
    const PREVIOUSLY_BY_SELF: i32 = 3;
    require(handle, "FwpsQueryPacketInjectionState0");
    require_list(list, "FwpsQueryPacketInjectionState0");
    let (handles, its) = with(|state| {
        let packet = state.objects.wfp.packets.get(list);
        packet.map_or((Vec::new(), 0), |it| (it.handles.clone(), it.context))
    });
    let answer = match handles.last() {
        None => return NOT_INJECTED,
        Some(&latest) if latest == handle => BY_SELF,
        Some(_) if handles.contains(&handle) => PREVIOUSLY_BY_SELF,
        Some(_) => return BY_OTHER,
    };
    if !context.is_null() {
        // SAFETY: the context may be written, as documented.
        unsafe { context.write(its) };
    }
    answer
}

/// The routine that a driver is told by that an injection is complete.
#[derive(Clone, Copy, Debug)]
struct Completion {
    routine: usize,
    context: usize,
    by: Option<Site>,
}

/// An injection that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) function: &'static str,
    pub(super) handle: usize,
    pub(super) context: usize,
    pub(super) list: usize,
    pub(super) layer: Layer,
    /// The completion routine and its context.
    pub(super) completion: [usize; 2],
}

impl Request {
    /// The flag of `FwpsInjectionHandleCreate0` for what is injected.
    const fn type_of_data(&self) -> u32 {
        match self.layer {
            Layer::Stream => STREAM,
            Layer::InboundPacket | Layer::OutboundPacket => NETWORK,
            Layer::Forward => FORWARD,
            _ => TRANSPORT,
        }
    }
}

/// Stops unless a handle is one for what is injected. Returns `STATUS_SUCCESS`, or the status if the
/// handle is being destroyed.
pub(super) fn check(request: &Request) -> i32 {
    let Request {
        function, handle, ..
    } = *request;
    require(handle, function);
    let (types, by, ends) = with(|state| {
        let injection = state.objects.wfp.packets.injection(handle);
        let found = injection.map(|it| (it.types, it.by, it.ends));
        let (types, by, ends) = found.unwrap_or_default();
        (types, by.map(|by| state.loader.drivers.show(by)), ends)
    });
    if types & request.type_of_data() == 0 {
        let by = by.unwrap_or_else(|| "a driver".to_owned());
        let what = format!(
            "{function} was called with an injection handle that {by} has created for data of \
             another type: FwpsInjectionHandleCreate0 gets the types that are injected with it"
        );
        stop("wfp", what);
    }
    if ends {
        STATUS_FWP_INJECT_HANDLE_CLOSING
    } else {
        STATUS_SUCCESS
    }
}

/// Injects a packet.
pub(super) fn inject(request: Request) -> i32 {
    /// The number of times that a packet returns to a callout which injects it again.
    const MOST: usize = 8;
    let Request {
        function,
        handle,
        context,
        list,
        layer,
        completion: [routine, completion_context],
    } = request;
    if list == 0 || routine == 0 {
        return STATUS_FWP_NULL_POINTER;
    }
    check(&request);
    require_list(list, function);
    let injected = with(|state| {
        let packet = state.objects.wfp.packets.get(list);
        let packet = packet.map(|it| (it.injected, it.handles.len()));
        let (by, times) = packet.unwrap_or_default();
        (by.map(|by| state.loader.drivers.show(by)), times)
    });
    if let (Some(by), _) = injected {
        let what = format!("{function} was called for a net buffer list that {by} has injected");
        stop("wfp", what);
    }
    if injected.1 >= MOST {
        let what = format!(
            "{function} was called for a packet that this driver has injected before, again and \
             again: FwpsQueryPacketInjectionState0 tells it which packets it must permit"
        );
        stop("livelock", what);
    }
    with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        let by = caller(state);
        let injection = state.objects.wfp.packets.injection(handle);
        let Some(injection) = injection.filter(|it| !it.ends) else {
            return STATUS_FWP_INJECT_HANDLE_CLOSING;
        };
        let is_v6 = injection.is_v6;
        let completion = Completion {
            routine,
            context: completion_context,
            by,
        };
        let thread = deferred::defer(state, "injection", by, move || {
            carry_out(handle, list, layer, is_v6, completion);
        });
        let Some(thread) = thread else {
            return STATUS_INSUFFICIENT_RESOURCES;
        };
        begin(state, handle, list, context, thread, by);
        STATUS_SUCCESS
    })
}

fn begin(
    state: &mut State,
    handle: usize,
    list: usize,
    context: usize,
    thread: ThreadId,
    by: Option<Site>,
) {
    let packets = &mut state.objects.wfp.packets;
    if let Some(injection) = packets.injection(handle) {
        injection.under_way.push(thread);
    }
    if let Some(packet) = packets.get(list) {
        packet.injected = by;
        packet.handles.push(handle);
        packet.context = context;
    }
}

/// Passes a packet to the callouts of the layer, and calls the completion routine.
fn carry_out(handle: usize, list: usize, layer: Layer, is_v6: bool, completion: Completion) {
    traffic::reinject(layer, is_v6, list);
    with(|state| {
        if let Some(packet) = state.objects.wfp.packets.get(list) {
            packet.injected = None;
        }
    });
    complete(list, traffic::level(), completion);
    with(|state| {
        let current = state.scheduling.current_id();
        if let Some(injection) = state.objects.wfp.packets.injection(handle) {
            injection.under_way.retain(|it| *it != current);
        }
    });
}

fn complete(list: usize, level: Irql, completion: Completion) {
    let Completion {
        routine,
        context,
        by,
    } = completion;
    with(|state| set_irql(state, level));
    let what = "the completion routine of an injected packet";
    let before = EntryState::now();
    let arguments = [context, list, usize::from(level == DISPATCH_LEVEL)];
    // SAFETY: the driver's own routine, with the arguments that are documented for it.
    unsafe { driver_call::call(what, routine, by, &arguments) };
    check_return(what, before, by);
    with(|state| set_irql(state, PASSIVE_LEVEL));
}
