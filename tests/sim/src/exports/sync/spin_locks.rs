// SPDX-License-Identifier: MIT OR Apache-2.0

//! Spin locks: plain, in-stack queued, reader/writer.
//!
//! A lock's word says whether it is held; who holds it is known to
//! [`locks`](crate::verifier::locks). A thread that spins keeps its processor.

use crate::exports::execution::levels::{current, lower, set};
use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::{self, DISPATCH_LEVEL, HIGH_LEVEL, Irql};
use crate::kernel::with;
use crate::scheduling::clocks::Sync;
use crate::verifier::locks::{self, LockKind, Mode, Way};

exports! {
    "KeInitializeSpinLock" <= HIGH_LEVEL => initialize: ();
    "KeAcquireSpinLockRaiseToDpc" <= HIGH_LEVEL => acquire_plain: Irql;
    "KeReleaseSpinLock" <= HIGH_LEVEL => release_lower: ();
    "KeAcquireSpinLockForDpc" <= HIGH_LEVEL => acquire_plain: Irql;
    "KeReleaseSpinLockForDpc" <= HIGH_LEVEL => release_lower: ();
    "KeAcquireSpinLockAtDpcLevel" <= HIGH_LEVEL => acquire_plain_at_dispatch: ();
    "KeReleaseSpinLockFromDpcLevel" <= HIGH_LEVEL => release_at_dispatch: ();
    "KeTryToAcquireSpinLockAtDpcLevel" <= HIGH_LEVEL => try_at_dispatch: u8;
    "KeTestSpinLock" <= HIGH_LEVEL => test: u8;
    "KeAcquireInStackQueuedSpinLock" <= HIGH_LEVEL => acquire_queued: ();
    "KeReleaseInStackQueuedSpinLock" <= HIGH_LEVEL => release_queued: ();
    "KeAcquireInStackQueuedSpinLockForDpc" <= HIGH_LEVEL => acquire_queued: ();
    "KeReleaseInStackQueuedSpinLockForDpc" <= HIGH_LEVEL => release_queued: ();
    "KeAcquireInStackQueuedSpinLockAtDpcLevel" <= HIGH_LEVEL => acquire_queued_at_dispatch: ();
    "KeReleaseInStackQueuedSpinLockFromDpcLevel" <= HIGH_LEVEL => release_queued_at_dispatch: ();
    "ExAcquireSpinLockExclusive" <= HIGH_LEVEL => acquire_raise: Irql;
    "ExReleaseSpinLockExclusive" <= HIGH_LEVEL => release_exclusive: ();
    "ExAcquireSpinLockExclusiveAtDpcLevel" <= HIGH_LEVEL => acquire_at_dispatch: ();
    "ExReleaseSpinLockExclusiveFromDpcLevel" <= HIGH_LEVEL => release_exclusive_at_dispatch: ();
    "ExAcquireSpinLockShared" <= HIGH_LEVEL => acquire_shared: Irql;
    "ExReleaseSpinLockShared" <= HIGH_LEVEL => release_shared: ();
    "ExAcquireSpinLockSharedAtDpcLevel" <= HIGH_LEVEL => acquire_shared_at_dispatch: ();
    "ExReleaseSpinLockSharedFromDpcLevel" <= HIGH_LEVEL => release_shared_at_dispatch: ();
    "ExTryAcquireSpinLockExclusiveAtDpcLevel" <= HIGH_LEVEL => try_at_dispatch: u32;
    "ExTryAcquireSpinLockSharedAtDpcLevel" <= HIGH_LEVEL => try_shared_at_dispatch: u32;
    "ExTryConvertSharedSpinLockExclusive" <= HIGH_LEVEL => try_convert: u8;
}

/// `KSPIN_LOCK`, and `EX_SPIN_LOCK`, which has only its lower half.
type SpinLock = u32;

/// `KLOCK_QUEUE_HANDLE`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Queued {
    /// Its own address, which the queue of the lock contains meanwhile.
    own: usize,
    lock: *mut SpinLock,
    old: Irql,
}

const _: () = assert!(size_of::<Queued>() == 24);

impl Queued {
    fn new(handle: *const Self, lock: *mut SpinLock, old: Irql) -> Self {
        let own = handle.addr();
        Self { own, lock, old }
    }

    /// The one with which a lock is released.
    fn of(handle: *const Self) -> Self {
        // SAFETY: the handle is resident, as documented.
        let queued = unsafe { handle.read() };
        if queued.own != handle.addr() {
            let what = "a queued spin lock was released with another handle than it was acquired \
                        with";
            stop("0xC4", what.to_owned());
        }
        queued
    }
}

unsafe extern "win64" fn initialize(lock: *mut usize) {
    locks::initialize(lock.addr(), LockKind::Spin);
    // SAFETY: the lock is resident and writable, as documented.
    unsafe { lock.write(0) };
}

/// Raises the IRQL as all acquisitions do.
fn raise(lock: *mut SpinLock) -> Irql {
    let old = current();
    if old > DISPATCH_LEVEL {
        let at = irql::name(old);
        let code = ("0xC4", [0x42, usize::from(old), lock.addr(), 0]);
        stop(code, format!("a spin lock was acquired at {at}"));
    }
    forbid_garbage(lock);
    set(DISPATCH_LEVEL);
    old
}

fn require_dispatch(what: &str, number: usize, lock: usize) {
    let level = current();
    if level < DISPATCH_LEVEL {
        let code = ("0xC4", [number, usize::from(level), lock, 0]);
        stop(code, format!("{what} at {}", irql::name(level)));
    }
}

/// A free lock is 0, or was never initialised.
fn forbid_garbage(lock: *mut SpinLock) {
    // SAFETY: the lock is resident and writable, as documented.
    let value = unsafe { lock.read() };
    let held = with(|state| state.verifier.locks.holders(lock.addr()).next().is_some());
    if held != (value != 0) {
        let what = "a spin lock was acquired that was not initialised, or was overwritten";
        stop(("0xC4", [0x1002, lock.addr(), 0, 0]), what.to_owned());
    }
}

fn take(lock: *mut SpinLock, mode: Mode) {
    forbid_garbage(lock);
    locks::acquire(lock.addr(), LockKind::Spin, mode);
    // SAFETY: as in `forbid_garbage`.
    unsafe { lock.write(1) };
}

fn give(lock: *mut SpinLock) {
    locks::release(lock.addr(), LockKind::Spin);
    mark_released(lock);
}

/// Releases a lock by a function for one that is held in this mode.
fn give_in(lock: *mut SpinLock, mode: Mode) {
    locks::release_in(lock.addr(), LockKind::Spin, mode);
    mark_released(lock);
}

fn mark_released(lock: *mut SpinLock) {
    let shared = with(|state| state.verifier.locks.holders(lock.addr()).next().is_some());
    // SAFETY: as in `forbid_garbage`.
    unsafe { lock.write(u32::from(shared)) };
}

unsafe extern "win64" fn acquire_raise(lock: *mut SpinLock) -> Irql {
    let old = raise(lock);
    take(lock, Mode::Exclusive);
    old
}

unsafe extern "win64" fn acquire_shared(lock: *mut SpinLock) -> Irql {
    let old = raise(lock);
    take(lock, Mode::Shared);
    old
}

unsafe extern "win64" fn release_lower(lock: *mut SpinLock, old: Irql) {
    require_dispatch("a spin lock was released", 0x32, lock.addr());
    give(lock);
    lower(old);
}

unsafe extern "win64" fn acquire_plain(lock: *mut SpinLock) -> Irql {
    require_way(lock, Way::Plain);
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { acquire_raise(lock) }
}

unsafe extern "win64" fn acquire_plain_at_dispatch(lock: *mut SpinLock) {
    require_way(lock, Way::Plain);
    // SAFETY: as in `acquire_plain`.
    unsafe { acquire_at_dispatch(lock) };
}

unsafe extern "win64" fn release_exclusive(lock: *mut SpinLock, old: Irql) {
    require_dispatch("a spin lock was released", 0x32, lock.addr());
    give_in(lock, Mode::Exclusive);
    lower(old);
}

unsafe extern "win64" fn release_exclusive_at_dispatch(lock: *mut SpinLock) {
    require_dispatch("a spin lock was released FromDpcLevel", 0x41, lock.addr());
    give_in(lock, Mode::Exclusive);
}

unsafe extern "win64" fn release_shared(lock: *mut SpinLock, old: Irql) {
    require_dispatch("a spin lock was released", 0x32, lock.addr());
    give_in(lock, Mode::Shared);
    lower(old);
}

unsafe extern "win64" fn release_shared_at_dispatch(lock: *mut SpinLock) {
    require_dispatch("a spin lock was released FromDpcLevel", 0x41, lock.addr());
    give_in(lock, Mode::Shared);
}

/// "Drivers must not combine calls to `KeAcquireSpinLock` and `KeAcquireInStackQueuedSpinLock` on
/// the same spin lock."
fn require_way(lock: *mut SpinLock, way: Way) {
    let before = with(|state| state.verifier.locks.use_as(lock.addr(), way));
    if before != way {
        let what = "a spin lock was acquired both by KeAcquireSpinLock and by \
                    KeAcquireInStackQueuedSpinLock";
        stop("0xC4", what.to_owned());
    }
}

unsafe extern "win64" fn acquire_at_dispatch(lock: *mut SpinLock) {
    require_dispatch("a spin lock was acquired AtDpcLevel", 0x40, lock.addr());
    take(lock, Mode::Exclusive);
}

unsafe extern "win64" fn acquire_shared_at_dispatch(lock: *mut SpinLock) {
    require_dispatch("a spin lock was acquired AtDpcLevel", 0x40, lock.addr());
    take(lock, Mode::Shared);
}

unsafe extern "win64" fn release_at_dispatch(lock: *mut SpinLock) {
    require_dispatch("a spin lock was released FromDpcLevel", 0x41, lock.addr());
    give(lock);
}

fn try_take(lock: *mut SpinLock, mode: Mode) -> u32 {
    require_dispatch("a spin lock was acquired AtDpcLevel", 0x40, lock.addr());
    forbid_garbage(lock);
    let taken = locks::try_acquire(lock.addr(), LockKind::Spin, mode);
    if taken {
        // SAFETY: as in `forbid_garbage`.
        unsafe { lock.write(1) };
    }
    u32::from(taken)
}

unsafe extern "win64" fn try_at_dispatch(lock: *mut SpinLock) -> u32 {
    try_take(lock, Mode::Exclusive)
}

unsafe extern "win64" fn try_shared_at_dispatch(lock: *mut SpinLock) -> u32 {
    try_take(lock, Mode::Shared)
}

unsafe extern "win64" fn test(lock: *mut SpinLock) -> u8 {
    // SAFETY: the lock is resident, as documented.
    u8::from(unsafe { lock.read() } == 0)
}

unsafe extern "win64" fn acquire_queued(lock: *mut SpinLock, handle: *mut Queued) {
    require_way(lock, Way::Queued);
    let old = raise(lock);
    take(lock, Mode::Exclusive);
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(Queued::new(handle, lock, old)) };
}

unsafe extern "win64" fn acquire_queued_at_dispatch(lock: *mut SpinLock, handle: *mut Queued) {
    require_way(lock, Way::Queued);
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe {
        acquire_at_dispatch(lock);
        handle.write(Queued::new(handle, lock, DISPATCH_LEVEL));
    }
}

unsafe extern "win64" fn release_queued(handle: *mut Queued) {
    require_dispatch("a queued spin lock was released", 0x36, handle.addr());
    let Queued { lock, old, .. } = Queued::of(handle);
    give(lock);
    lower(old);
}

unsafe extern "win64" fn release_queued_at_dispatch(handle: *mut Queued) {
    require_dispatch("a queued spin lock was released", 0x36, handle.addr());
    give(Queued::of(handle).lock);
}

unsafe extern "win64" fn try_convert(lock: *mut SpinLock) -> u8 {
    require_dispatch("a spin lock was converted", 0x41, lock.addr());
    with(|state| {
        let me = state.scheduling.current_id();
        let alone = state
            .verifier
            .locks
            .holders(lock.addr())
            .all(|held| held.thread == me);
        if alone {
            state
                .verifier
                .locks
                .convert(lock.addr(), me, Mode::Exclusive);
            state.scheduling.acquire(Sync::Readers(lock.addr()));
        }
        u8::from(alone)
    })
}
