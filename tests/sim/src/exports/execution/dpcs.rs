// SPDX-License-Identifier: MIT OR Apache-2.0

//! DPCs: each runs at `DISPATCH_LEVEL` on a thread of its own, a threaded one at that or at
//! `PASSIVE_LEVEL`.

use std::ffi::c_void;

use rand::RngExt;
use windows_sys::Win32::Foundation::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS};

use crate::exports::execution::processors;
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::{stop, stop_at};
use crate::hardware::irql::{DISPATCH_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::memory::pageable::set_irql;
use crate::objects::deferred;
use crate::objects::kernel_objects::ObjectKind;
use crate::scheduling::clocks::Sync;
use crate::scheduling::point;
use crate::verifier::stack_objects::{self, Deferred};

exports! {
    "KeInitializeDpc" <= HIGH_LEVEL => ke_initialize_dpc: ();
    "KeInitializeThreadedDpc" <= HIGH_LEVEL => ke_initialize_threaded_dpc: ();
    "KeSetImportanceDpc" <= HIGH_LEVEL => ke_set_importance_dpc: ();
    "KeSetTargetProcessorDpc" <= HIGH_LEVEL => ke_set_target_processor_dpc: ();
    "KeSetTargetProcessorDpcEx" <= HIGH_LEVEL => ke_set_target_processor_dpc_ex: i32;
    "KeInsertQueueDpc" <= HIGH_LEVEL => ke_insert_queue_dpc: u8;
    "KeRemoveQueueDpc" <= HIGH_LEVEL => ke_remove_queue_dpc: u8;
    "KeFlushQueuedDpcs" <= PASSIVE_LEVEL => ke_flush_queued_dpcs: ();
}

/// `KDPC`.
#[repr(C)]
pub(in crate::exports) struct Dpc {
    kind: u8,
    importance: u8,
    number: u16,
    list: usize,
    history: usize,
    /// 0 if there is none.
    routine: usize,
    context: *mut c_void,
    arguments: [*mut c_void; 2],
    data: usize,
}

const _: () = assert!(size_of::<Dpc>() == 0x40);

/// `DpcObject`.
const DPC: u8 = 19;
/// `ThreadedDpcObject`.
const THREADED: u8 = 24;
/// What is added to the number of the target processor, if there is one.
const TARGETED: u16 = 0x800;

unsafe extern "win64" fn ke_initialize_dpc(dpc: *mut Dpc, routine: usize, context: *mut c_void) {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { initialize(dpc, DPC, routine, context) };
}

unsafe extern "win64" fn ke_initialize_threaded_dpc(
    dpc: *mut Dpc,
    routine: usize,
    context: *mut c_void,
) {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { initialize(dpc, THREADED, routine, context) };
}

/// # Safety
///
/// The DPC is resident and writable.
unsafe fn initialize(dpc: *mut Dpc, kind: u8, routine: usize, context: *mut c_void) {
    if with(|state| state.objects.created.is(dpc.addr(), ObjectKind::Dpc)) {
        stop(
            "0xC7",
            "a DPC was initialised while it is queued".to_owned(),
        );
    }
    with(|state| stack_objects::add(state, dpc.addr()));
    let fresh = Dpc {
        kind,
        importance: 1,
        number: 0,
        list: 0,
        history: 0,
        routine,
        context,
        arguments: [std::ptr::null_mut(); 2],
        data: 0,
    };
    // SAFETY: the DPC is resident and writable, by this function's contract.
    unsafe { dpc.write(fresh) };
    with(|state| deferred::initialize_dpc(state, dpc.addr()));
}

/// The importance of a DPC is a hint only.
unsafe extern "win64" fn ke_set_importance_dpc(dpc: *mut Dpc, _importance: i32) {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { require_initialized(dpc) };
}

/// A number that no processor has changes nothing, as documented.
unsafe extern "win64" fn ke_set_target_processor_dpc(dpc: *mut Dpc, number: u8) {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { require_initialized(dpc) };
    if processors::is_active(number.into()) {
        // SAFETY: the DPC is resident and writable, as documented.
        unsafe { (*dpc).number = TARGETED + u16::from(number) };
    }
}

unsafe extern "win64" fn ke_set_target_processor_dpc_ex(
    dpc: *mut Dpc,
    number: *const processors::Number,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { require_initialized(dpc) };
    // SAFETY: the number is readable, as documented.
    let index = unsafe { number.read_unaligned() }.index();
    let Some(index) = index.and_then(|index| u8::try_from(index).ok()) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: this passes on the driver's own DPC, under the same documented contract.
    unsafe { ke_set_target_processor_dpc(dpc, index) };
    STATUS_SUCCESS
}

/// The processors that a DPC runs on: its target, or the one on which it is queued if that
/// is known; 0 if it may be any.
fn processors_of(state: &State, number: u16) -> u64 {
    let target = number.checked_sub(TARGETED).map(usize::from);
    let processor = target.or_else(|| state.scheduling.kept_processor());
    processor.map_or(0, |number| 1 << number)
}

/// # Safety
///
/// The DPC is resident.
unsafe fn require_initialized(dpc: *mut Dpc) -> usize {
    stack_objects::check_use(dpc.addr(), "a DPC");
    // SAFETY: the DPC is resident, by this function's contract.
    let (kind, routine) = unsafe { ((*dpc).kind, (*dpc).routine) };
    if ![DPC, THREADED].contains(&kind) || routine == 0 {
        stop("0xC7", "a DPC is used that was not initialised".to_owned());
    }
    routine
}

unsafe extern "win64" fn ke_insert_queue_dpc(
    dpc: *mut Dpc,
    first: *mut c_void,
    second: *mut c_void,
) -> u8 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    u8::from(unsafe { queue(dpc, [first, second]) })
}

/// Queues a DPC. Returns `false` if it is queued already.
///
/// # Safety
///
/// The DPC is resident.
pub(in crate::exports) unsafe fn queue(dpc: *mut Dpc, arguments: [*mut c_void; 2]) -> bool {
    // SAFETY: the DPC is resident, by this function's contract.
    let routine = unsafe { require_initialized(dpc) };
    if with(|state| state.objects.created.is(dpc.addr(), ObjectKind::Dpc)) {
        return false;
    }
    // SAFETY: the DPC is resident, by this function's contract.
    let (kind, number) = unsafe {
        (*dpc).arguments = arguments;
        ((*dpc).kind, (*dpc).number)
    };
    with(|state| {
        let by = state
            .loader
            .drivers
            .site(routine)
            .or_else(|| deferred::initialized_by(state, dpc.addr()))
            .or_else(|| caller(state));
        // The routine of a threaded DPC "can execute at both IRQLs": "Synchronization and
        // Threaded DPCs" in Microsoft's documentation.
        let is_passive = kind == THREADED && state.choices.chance.random();
        let level = if is_passive {
            PASSIVE_LEVEL
        } else {
            DISPATCH_LEVEL
        };
        let body = move || dispatch(dpc, routine, level);
        if let Some(thread) = deferred::defer(state, "DPC", by, body) {
            let processors = processors_of(state, number);
            state.scheduling.set_affinity(thread, processors);
            state.scheduling.thread_mut(thread).ends_before = Sync::Unwaited;
            state.objects.created.add(dpc.addr(), ObjectKind::Dpc, by);
            deferred::add_dpc(state, dpc.addr(), by.map(|by| by.driver), thread);
        }
    });
    true
}

/// Takes a DPC out of the queue. Returns `true` if it was there.
fn dequeue(state: &mut State, dpc: *mut Dpc) -> bool {
    state.objects.deferred.queued.remove(&dpc.addr());
    state.objects.created.remove(dpc.addr(), ObjectKind::Dpc)
}

/// Runs a DPC, unless it was removed.
fn dispatch(dpc: *mut Dpc, routine: usize, level: u8) {
    with(|state| set_irql(state, level));
    point();
    let is_mine = with(|state| {
        let me = state.scheduling.current_id();
        state.objects.deferred.queued.get(&dpc.addr()) == Some(&me) && dequeue(state, dpc)
    });
    if is_mine {
        stack_objects::check_due(dpc.addr(), Deferred::Dpc);
        // SAFETY: a DPC that is queued is resident; one whose memory is gone
        // faults here.
        let (context, [first, second]) = unsafe { ((*dpc).context, (*dpc).arguments) };
        let routine = deferred::Routine {
            what: "a DPC routine",
            named: "the routine of a DPC",
            address: routine,
            by: with(|state| deferred::initialized_by(state, dpc.addr())),
        };
        let arguments = [dpc.addr(), context.addr(), first.addr(), second.addr()];
        // SAFETY: a DPC routine takes these.
        unsafe { deferred::run(routine, &arguments) };
    }
    with(|state| set_irql(state, PASSIVE_LEVEL));
}

unsafe extern "win64" fn ke_remove_queue_dpc(dpc: *mut Dpc) -> u8 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { require_initialized(dpc) };
    u8::from(with(|state| dequeue(state, dpc)))
}

unsafe extern "win64" fn ke_flush_queued_dpcs() {
    let (inside, site) = with(|state| {
        let held = state
            .verifier
            .locks
            .of(state.scheduling.current_id())
            .next()
            .copied();
        (held, caller(state))
    });
    if let Some(held) = inside.filter(|held| held.kind == crate::verifier::locks::LockKind::Spin) {
        let what = format!("DPCs were flushed with {} held", held.kind.name());
        stop_at("0xC4", what, site);
    }
    deferred::flush_dpcs();
}
