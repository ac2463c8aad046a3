// SPDX-License-Identifier: MIT OR Apache-2.0

//! APCs: exported, used by drivers, and documented by no reference page. What they do is what
//! Microsoft documents of the kinds of APCs, and what the public headers declare.

use crate::exports::execution::processes;
use crate::exports::exports;
use crate::findings::{stop, unsupported};
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;
use crate::objects::apcs::{self, APC, Apc};
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::stack_objects;

exports! {
    "KeInitializeApc" <= DISPATCH_LEVEL => initialize: ();
    "KeInsertQueueApc" <= DISPATCH_LEVEL => insert: u8;
    "KeRemoveQueueApc" <= DISPATCH_LEVEL => remove: u8;
}

unsafe extern "win64" fn initialize(
    apc: *mut Apc,
    thread: usize,
    environment: i32,
    kernel_routine: usize,
    rundown_routine: usize,
    normal_routine: usize,
    mode: i8,
    context: usize,
) {
    let at = apc.addr();
    if with(|state| state.objects.created.is(at, ObjectKind::Apc)) {
        let what = "an APC was initialised while it is queued";
        stop("0xC4", what.to_owned());
    }
    processes::thread(thread);
    // The mode of a special APC is always that of the kernel, and it has no context.
    if normal_routine != 0 && mode != 0 {
        unsupported("initialises an APC for user mode");
    }
    let context = if normal_routine == 0 { 0 } else { context };
    let routines = [kernel_routine, rundown_routine, normal_routine];
    let fresh = Apc::new(thread, environment.to_le_bytes()[0], routines, context);
    // SAFETY: the APC is resident and writable, as it is declared.
    unsafe { apc.write(fresh) };
    with(|state| {
        stack_objects::add(state, at);
        apcs::initialize(state, at);
    });
}

/// Ends the cycle unless an APC was initialised.
///
/// # Safety
///
/// It is resident.
unsafe fn require_initialized(apc: *const Apc) -> Apc {
    stack_objects::check_use(apc.addr(), "an APC");
    // SAFETY: it is resident, by this function's contract.
    let read = unsafe { apc.read() };
    if read.kind != APC || read.kernel_routine == 0 {
        let what = "an APC is used that was not initialised";
        stop("0xC4", what.to_owned());
    }
    read
}

unsafe extern "win64" fn insert(apc: *mut Apc, first: usize, second: usize, _increment: i32) -> u8 {
    // SAFETY: the APC is resident, as it is declared.
    let read = unsafe { require_initialized(apc) };
    if with(|state| state.objects.created.is(apc.addr(), ObjectKind::Apc)) {
        return 0;
    }
    let thread = processes::thread(read.thread);
    // SAFETY: as above.
    unsafe { (*apc).arguments = [first, second] };
    let is_queued = with(|state| apcs::queue(state, apc.addr(), &read, thread));
    // SAFETY: as above.
    unsafe { (*apc).inserted = u8::from(is_queued) };
    u8::from(is_queued)
}

unsafe extern "win64" fn remove(apc: *mut Apc) -> u8 {
    // SAFETY: the APC is resident, as it is declared.
    unsafe { require_initialized(apc) };
    let was_queued = with(|state| apcs::remove(state, apc.addr()));
    // SAFETY: as above.
    unsafe { (*apc).inserted = 0 };
    u8::from(was_queued)
}
