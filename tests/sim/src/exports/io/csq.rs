// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cancel-safe queues: the driver keeps the requests and the lock, and these functions
//! decide whether the driver or the canceller owns a request.
//!
//! `DriverContext[3]` of a queued request is the queue or its context, as
//! documented.

use std::mem;

use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use crate::exports::execution::levels;
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::hardware::irql::{DISPATCH_LEVEL, Irql};
use crate::io::irp::{Irp, PENDING_RETURNED, stack_location};
use crate::kernel::with;
use crate::verifier::{driver_call, locks};

exports! {
    "IoCsqInitialize" <= DISPATCH_LEVEL => initialize: i32;
    "IoCsqInitializeEx" <= DISPATCH_LEVEL => initialize_ex: i32;
    "IoCsqInsertIrp" <= DISPATCH_LEVEL => insert: ();
    "IoCsqInsertIrpEx" <= DISPATCH_LEVEL => insert_ex: i32;
    "IoCsqRemoveIrp" <= DISPATCH_LEVEL => remove: *mut Irp;
    "IoCsqRemoveNextIrp" <= DISPATCH_LEVEL => remove_next: *mut Irp;
}

/// `IO_CSQ`.
#[repr(C)]
struct Queue {
    kind: u32,
    /// Without a context, and without a result, unless the queue is extended:
    /// a routine that ignores them may be called with them.
    insert: usize,
    remove: usize,
    peek: usize,
    acquire: usize,
    release: usize,
    complete: usize,
    reserved: usize,
}

/// `IO_CSQ_IRP_CONTEXT`.
#[repr(C)]
struct Context {
    kind: u32,
    irp: *mut Irp,
    queue: *mut Queue,
}

/// `IO_TYPE_CSQ_IRP_CONTEXT`, `IO_TYPE_CSQ` and `IO_TYPE_CSQ_EX`.
const CONTEXT: u32 = 1;
const QUEUE: u32 = 2;
const EXTENDED: u32 = 3;

const _: () = assert!(size_of::<Queue>() == 0x40 && size_of::<Context>() == 0x18);

unsafe extern "win64" fn initialize(
    queue: *mut Queue,
    insert: usize,
    remove: usize,
    peek: usize,
    acquire: usize,
    release: usize,
    complete: usize,
) -> i32 {
    let value = Queue {
        kind: QUEUE,
        insert,
        remove,
        peek,
        acquire,
        release,
        complete,
        reserved: 0,
    };
    // SAFETY: the queue may be written, as documented.
    unsafe { queue.write(value) };
    with(|state| {
        let by = caller(state);
        state.exports.queues.extend(by.map(|by| (queue.addr(), by)));
    });
    STATUS_SUCCESS
}

unsafe extern "win64" fn initialize_ex(
    queue: *mut Queue,
    insert: usize,
    remove: usize,
    peek: usize,
    acquire: usize,
    release: usize,
    complete: usize,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { initialize(queue, insert, remove, peek, acquire, release, complete) };
    // SAFETY: as above.
    unsafe { (*queue).kind = EXTENDED };
    STATUS_SUCCESS
}

unsafe extern "win64" fn insert(queue: *mut Queue, irp: *mut Irp, context: *mut Context) {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { insert_ex(queue, irp, context, 0) };
}

unsafe extern "win64" fn insert_ex(
    queue: *mut Queue,
    irp: *mut Irp,
    context: *mut Context,
    insert_context: usize,
) -> i32 {
    // SAFETY: the request is the caller's, as documented, and with it its
    // stack location.
    unsafe {
        (*irp).driver_context[3] = queue.addr();
        (*stack_location(irp)).control |= PENDING_RETURNED;
    }
    if !context.is_null() {
        let value = Context {
            kind: CONTEXT,
            irp,
            queue,
        };
        // SAFETY: the context may be written, as documented.
        unsafe {
            context.write(value);
            (*irp).driver_context[3] = context.addr();
        }
    }
    let lock = Locked::new(queue);
    // SAFETY: the driver's own routine for its own queue.
    let status = unsafe {
        let arguments = [queue.addr(), irp.addr(), insert_context];
        driver_call::status(call(queue, "CsqInsertIrp", (*queue).insert, &arguments))
    };
    // SAFETY: the queue was initialised, as documented.
    if unsafe { (*queue).kind } == EXTENDED && status < 0 {
        // SAFETY: the request is still the caller's.
        unsafe { forget_context(irp) };
        return status;
    }
    // SAFETY: the request is in the queue, which is locked.
    let cancelled = unsafe {
        (*irp).cancel_routine = on_cancel as *const () as usize;
        (*irp).cancel != 0 && take_cancel(irp)
    };
    if cancelled {
        // SAFETY: the request is in the queue, which is locked.
        unsafe { take_out(queue, irp) };
        drop(lock);
        // SAFETY: the driver's own routine for its own request.
        unsafe { complete(queue, irp) };
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn remove(queue: *mut Queue, context: *mut Context) -> *mut Irp {
    let _lock = Locked::new(queue);
    // SAFETY: the context is the one of an insertion, as documented.
    let irp = unsafe { (*context).irp };
    // SAFETY: a context names only what is in its queue.
    if irp.is_null() || !unsafe { take_cancel(irp) } {
        return std::ptr::null_mut();
    }
    // SAFETY: the request is in the queue, which is locked.
    unsafe { take_out(queue, irp) };
    irp
}

unsafe extern "win64" fn remove_next(queue: *mut Queue, peek_context: usize) -> *mut Irp {
    let _lock = Locked::new(queue);
    let mut irp = std::ptr::null_mut::<Irp>();
    loop {
        // SAFETY: the driver's own routine for its own queue.
        irp = unsafe {
            let arguments = [queue.addr(), irp.addr(), peek_context];
            call(queue, "CsqPeekNextIrp", (*queue).peek, &arguments) as *mut Irp
        };
        if irp.is_null() {
            return irp;
        }
        // One that is being cancelled goes by itself.
        // SAFETY: what the driver finds is in its queue.
        if unsafe { take_cancel(irp) } {
            // SAFETY: the request is in the queue, which is locked.
            unsafe { take_out(queue, irp) };
            return irp;
        }
    }
}

/// The cancel routine of each request in a queue.
unsafe extern "win64" fn on_cancel(_device: usize, irp: *mut Irp) {
    // SAFETY: a request that is being cancelled is in memory.
    let (old, key) = unsafe { ((*irp).cancel_irql, (*irp).driver_context[3]) };
    locks::release_cancel();
    levels::lower(old);
    // SAFETY: it names its queue or its context, both of which begin with what
    // they are.
    let queue = unsafe {
        match *(key as *const u32) {
            CONTEXT => (*(key as *const Context)).queue,
            _ => key as *mut Queue,
        }
    };
    let lock = Locked::new(queue);
    // SAFETY: nobody but this routine takes it out any more.
    unsafe { take_out(queue, irp) };
    drop(lock);
    // SAFETY: the driver's own routine for its own request.
    unsafe { complete(queue, irp) };
}

/// Takes the cancel routine away. Returns `true` if it was there, so that
/// nobody cancels.
///
/// # Safety
///
/// The request is in memory.
unsafe fn take_cancel(irp: *mut Irp) -> bool {
    // SAFETY: the request is in memory, by this function's contract.
    unsafe { mem::take(&mut (*irp).cancel_routine) != 0 }
}

/// # Safety
///
/// The request is in the queue, which is locked.
unsafe fn take_out(queue: *mut Queue, irp: *mut Irp) {
    // SAFETY: the driver's own routine, for what is in its queue.
    unsafe {
        let arguments = [queue.addr(), irp.addr()];
        call(queue, "CsqRemoveIrp", (*queue).remove, &arguments);
    }
    // SAFETY: the request is in the queue, which is locked, by this function's
    // contract.
    unsafe { forget_context(irp) };
}

/// # Safety
///
/// The request is in memory, and its context if it has one.
unsafe fn forget_context(irp: *mut Irp) {
    // SAFETY: the request is in memory, and its context if it has one, by this
    // function's contract.
    let key = unsafe { mem::take(&mut (*irp).driver_context[3]) };
    // SAFETY: it is a queue or a context, both of which begin with what they are.
    if unsafe { *(key as *const u32) } == CONTEXT {
        // SAFETY: as above.
        unsafe { (*(key as *mut Context)).irp = std::ptr::null_mut() };
    }
}

/// Calls one of the routines with which the driver initialised a queue.
///
/// # Safety
///
/// The routine takes these arguments.
unsafe fn call(
    queue: *mut Queue,
    what: &'static str,
    routine: usize,
    arguments: &[usize],
) -> usize {
    let by = with(|state| state.exports.queues.get(&queue.addr()).copied());
    // SAFETY: the arguments are right, by this function's contract.
    unsafe { driver_call::call(what, routine, by, arguments) }
}

/// Has the driver complete a request that was cancelled.
///
/// # Safety
///
/// The request was taken out of the queue.
unsafe fn complete(queue: *mut Queue, irp: *mut Irp) {
    // SAFETY: the driver's own routine for its own request.
    unsafe {
        let arguments = [queue.addr(), irp.addr()];
        call(
            queue,
            "CsqCompleteCanceledIrp",
            (*queue).complete,
            &arguments,
        );
    }
}

/// A queue whose lock is held.
struct Locked {
    queue: *mut Queue,
    old: Irql,
}

impl Locked {
    fn new(queue: *mut Queue) -> Self {
        let mut old: Irql = 0;
        // SAFETY: the driver's own routine for its own queue.
        unsafe {
            let arguments = [queue.addr(), (&raw mut old).addr()];
            call(queue, "CsqAcquireLock", (*queue).acquire, &arguments);
        }
        Self { queue, old }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: as in `new`.
        unsafe {
            let arguments = [self.queue.addr(), usize::from(self.old)];
            call(
                self.queue,
                "CsqReleaseLock",
                (*self.queue).release,
                &arguments,
            );
        }
    }
}
