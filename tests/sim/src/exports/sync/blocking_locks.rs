// SPDX-License-Identifier: MIT OR Apache-2.0

//! Locks whose waiters block: fast and guarded mutexes, push locks, ERESOURCE.

use crate::exports::execution::levels::{
    current, enter_guarded_region, enter_region, leave_guarded_region, leave_region, lower, set,
};
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{self, APC_LEVEL, DISPATCH_LEVEL, Irql, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::objects::kernel_objects;
use crate::scheduling::clocks::Sync;
use crate::verifier::locks::{self, LockKind, Mode};

exports! {
    "ExAcquireFastMutex" <= APC_LEVEL => acquire_fast_mutex: ();
    "ExReleaseFastMutex" <= DISPATCH_LEVEL => release_fast_mutex: ();
    "ExTryToAcquireFastMutex" <= APC_LEVEL => try_fast_mutex: u8;
    "ExAcquireFastMutexUnsafe" <= APC_LEVEL => acquire_unsafe: ();
    "ExReleaseFastMutexUnsafe" <= APC_LEVEL => release_unsafe: ();
    "KeInitializeGuardedMutex" <= DISPATCH_LEVEL => initialize_guarded_mutex: ();
    "KeAcquireGuardedMutex" <= APC_LEVEL => acquire_guarded_mutex: ();
    "KeReleaseGuardedMutex" <= APC_LEVEL => release_guarded_mutex: ();
    "KeTryToAcquireGuardedMutex" <= APC_LEVEL => try_guarded_mutex: u8;
    "KeAcquireGuardedMutexUnsafe" <= APC_LEVEL => acquire_unsafe: ();
    "KeReleaseGuardedMutexUnsafe" <= APC_LEVEL => release_unsafe: ();
    "ExInitializePushLock" <= DISPATCH_LEVEL => initialize_push_lock: ();
    "ExAcquirePushLockExclusiveEx" <= APC_LEVEL => acquire_push_lock_exclusive: ();
    "ExAcquirePushLockSharedEx" <= APC_LEVEL => acquire_push_lock_shared: ();
    "ExReleasePushLockExclusiveEx" <= APC_LEVEL => release_push_lock_exclusive: ();
    "ExReleasePushLockSharedEx" <= APC_LEVEL => release_push_lock_shared: ();
    "ExReleasePushLockEx" <= APC_LEVEL => release_push_lock: ();
    "ExInitializeResourceLite" <= DISPATCH_LEVEL => initialize_resource: i32;
    "ExReinitializeResourceLite" <= DISPATCH_LEVEL => reinitialize_resource: i32;
    "ExDeleteResourceLite" <= DISPATCH_LEVEL => delete_resource: i32;
    "ExAcquireResourceExclusiveLite" <= APC_LEVEL => acquire_resource_exclusive: u8;
    "ExAcquireResourceSharedLite" <= APC_LEVEL => acquire_resource_shared: u8;
    "ExAcquireSharedStarveExclusive" <= APC_LEVEL => acquire_resource_shared: u8;
    "ExAcquireSharedWaitForExclusive" <= APC_LEVEL => acquire_resource_shared: u8;
    "ExReleaseResourceLite" <= DISPATCH_LEVEL => release_resource: ();
    "ExReleaseResourceForThreadLite" <= DISPATCH_LEVEL => release_resource: ();
    "ExConvertExclusiveToSharedLite" <= DISPATCH_LEVEL => convert_resource: ();
    "ExIsResourceAcquiredExclusiveLite" <= DISPATCH_LEVEL => is_acquired_exclusive: u8;
    "ExIsResourceAcquiredSharedLite" <= DISPATCH_LEVEL => is_acquired: u32;
    "ExEnterCriticalRegionAndAcquireResourceExclusive" <= APC_LEVEL => enter_and_exclusive: usize;
    "ExEnterCriticalRegionAndAcquireResourceShared" <= APC_LEVEL => enter_and_shared: usize;
    "ExReleaseResourceAndLeaveCriticalRegion" <= APC_LEVEL => release_and_leave: ();
}

/// `FAST_MUTEX` and `KGUARDED_MUTEX`.
#[repr(C)]
struct FastMutex {
    /// 1 if it is free.
    count: i32,
    owner: usize,
    contention: u32,
    event: [u64; 3],
    old_irql: u32,
}

const _: () = assert!(size_of::<FastMutex>() == 0x38);

fn require_initialized(mutex: *mut FastMutex) {
    // SAFETY: the mutex is resident and writable, as documented.
    let count = unsafe { (*mutex).count };
    let held = with(|state| state.verifier.locks.holders(mutex.addr()).next().is_some());
    if held != (count != 1) {
        let what = "a fast mutex was acquired that was not initialised, or was overwritten";
        stop(("0xC4", [0x1002, mutex.addr(), 0, 0]), what.to_owned());
    }
}

fn take(mutex: *mut FastMutex, kind: LockKind, old: Irql) {
    require_initialized(mutex);
    locks::acquire(mutex.addr(), kind, Mode::Exclusive);
    mark(mutex, old);
}

fn mark(mutex: *mut FastMutex, old: Irql) {
    // SAFETY: as in `require_initialized`.
    unsafe {
        (*mutex).count = 0;
        (*mutex).old_irql = u32::from(old);
    }
}

/// Gives a mutex back. Returns what the IRQL was before.
fn give(mutex: *mut FastMutex, kind: LockKind) -> Irql {
    locks::release(mutex.addr(), kind);
    // SAFETY: as in `require_initialized`.
    unsafe {
        (*mutex).count = 1;
        u8::try_from((*mutex).old_irql).unwrap_or(PASSIVE_LEVEL)
    }
}

unsafe extern "win64" fn acquire_fast_mutex(mutex: *mut FastMutex) {
    let old = current();
    take(mutex, LockKind::FastMutex, old);
    set(APC_LEVEL);
}

unsafe extern "win64" fn release_fast_mutex(mutex: *mut FastMutex) {
    let level = current();
    if level != APC_LEVEL {
        let at = irql::name(level);
        let code = ("0xC4", [0x34, usize::from(level), mutex.addr(), 0]);
        stop(code, format!("a fast mutex was released at {at}"));
    }
    lower(give(mutex, LockKind::FastMutex));
}

unsafe extern "win64" fn try_fast_mutex(mutex: *mut FastMutex) -> u8 {
    require_initialized(mutex);
    let taken = locks::try_acquire(mutex.addr(), LockKind::FastMutex, Mode::Exclusive);
    if taken {
        mark(mutex, current());
        set(APC_LEVEL);
    }
    u8::from(taken)
}

/// The unsafe forms are for callers that have disabled APCs.
fn require_no_apcs(what: &str, number: usize, lock: usize) {
    let enabled = with(|state| {
        let current = state.scheduling.current();
        // Who owns a mutex gets no normal kernel APCs either.
        let mut own = state.verifier.locks.of(state.scheduling.current_id());
        let owns_mutex = own.any(|held| held.kind == LockKind::Mutex);
        current.irql < APC_LEVEL && current.regions.is_empty() && !owns_mutex
    });
    if enabled {
        let level = usize::from(current());
        let code = ("0xC4", [number, level, 0, lock]);
        stop(code, format!("{what} with APCs enabled"));
    }
}

unsafe extern "win64" fn acquire_unsafe(mutex: *mut FastMutex) {
    require_no_apcs(
        "a mutex was acquired by its unsafe form",
        0x39,
        mutex.addr(),
    );
    take(mutex, LockKind::FastMutex, current());
}

unsafe extern "win64" fn release_unsafe(mutex: *mut FastMutex) {
    require_no_apcs(
        "a mutex was released by its unsafe form",
        0x3A,
        mutex.addr(),
    );
    give(mutex, LockKind::FastMutex);
}

unsafe extern "win64" fn initialize_guarded_mutex(mutex: *mut FastMutex) {
    locks::initialize(mutex.addr(), LockKind::GuardedMutex);
    let fresh = FastMutex {
        count: 1,
        owner: 0,
        contention: 0,
        event: [0; 3],
        old_irql: 0,
    };
    // SAFETY: the mutex is resident and writable, as documented.
    unsafe { mutex.write(fresh) };
}

unsafe extern "win64" fn acquire_guarded_mutex(mutex: *mut FastMutex) {
    take(mutex, LockKind::GuardedMutex, current());
    // SAFETY: it needs nothing.
    unsafe { enter_guarded_region() };
}

unsafe extern "win64" fn release_guarded_mutex(mutex: *mut FastMutex) {
    give(mutex, LockKind::GuardedMutex);
    // SAFETY: it needs nothing.
    unsafe { leave_guarded_region() };
}

unsafe extern "win64" fn try_guarded_mutex(mutex: *mut FastMutex) -> u8 {
    require_initialized(mutex);
    let taken = locks::try_acquire(mutex.addr(), LockKind::GuardedMutex, Mode::Exclusive);
    if taken {
        mark(mutex, current());
        // SAFETY: it needs nothing.
        unsafe { enter_guarded_region() };
    }
    u8::from(taken)
}

unsafe extern "win64" fn initialize_push_lock(lock: *mut usize) {
    locks::initialize(lock.addr(), LockKind::PushLock);
    // SAFETY: the lock is resident and writable, as documented.
    unsafe { lock.write(0) };
}

/// "Normal kernel APC delivery must be disabled", and the lock initialised.
fn take_push_lock(lock: *mut usize, mode: Mode) {
    require_no_apcs("a push lock was acquired", 0xEA, lock.addr());
    // SAFETY: the lock is resident, as documented.
    if unsafe { lock.read() } != 0 {
        let what = "a push lock was acquired that was not initialised, or was overwritten";
        stop(("0xC4", [0x1002, lock.addr(), 0, 0]), what.to_owned());
    }
    locks::acquire(lock.addr(), LockKind::PushLock, mode);
}

unsafe extern "win64" fn acquire_push_lock_exclusive(lock: *mut usize, _flags: u32) {
    take_push_lock(lock, Mode::Exclusive);
}

unsafe extern "win64" fn acquire_push_lock_shared(lock: *mut usize, _flags: u32) {
    take_push_lock(lock, Mode::Shared);
}

unsafe extern "win64" fn release_push_lock_exclusive(lock: *mut usize, _flags: u32) {
    require_no_apcs("a push lock was released", 0xEB, lock.addr());
    locks::release_in(lock.addr(), LockKind::PushLock, Mode::Exclusive);
}

unsafe extern "win64" fn release_push_lock_shared(lock: *mut usize, _flags: u32) {
    require_no_apcs("a push lock was released", 0xEB, lock.addr());
    locks::release_in(lock.addr(), LockKind::PushLock, Mode::Shared);
}

unsafe extern "win64" fn release_push_lock(lock: *mut usize, _flags: u32) {
    require_no_apcs("a push lock was released", 0xEB, lock.addr());
    locks::release(lock.addr(), LockKind::PushLock);
}

/// `ERESOURCE` takes 0x68 bytes; none of them is for drivers.
const RESOURCE_SIZE: usize = 0x68;

fn require_resource(resource: usize) {
    if !with(|state| {
        state
            .objects
            .created
            .is(resource, kernel_objects::ObjectKind::Resource)
    }) {
        let what = with(|state| {
            let deleted = state
                .objects
                .created
                .deleted(resource, kernel_objects::ObjectKind::Resource);
            deleted.map_or_else(
                || "an ERESOURCE is used that was not initialised".to_owned(),
                |by| {
                    let by = state.loader.drivers.show(by);
                    format!("an ERESOURCE is used that {by} has deleted")
                },
            )
        });
        stop(("0xC4", [0x1002, resource, 0, 0]), what);
    }
}

unsafe extern "win64" fn initialize_resource(resource: *mut u8) -> i32 {
    // SAFETY: the resource is resident and writable, as documented.
    unsafe { resource.write_bytes(0, RESOURCE_SIZE) };
    let added = with(|state| {
        let by = caller(state);
        state
            .objects
            .created
            .add(resource.addr(), kernel_objects::ObjectKind::Resource, by)
    });
    if !added {
        let what = "an ERESOURCE was initialised twice";
        stop(("0xC4", [0xD0, resource.addr(), 0, 0]), what.to_owned());
    }
    0
}

unsafe extern "win64" fn reinitialize_resource(resource: usize) -> i32 {
    require_resource(resource);
    locks::initialize(resource, LockKind::Resource);
    0
}

unsafe extern "win64" fn delete_resource(resource: usize) -> i32 {
    require_resource(resource);
    let owner = with(|state| {
        let held = state.verifier.locks.holders(resource).next()?;
        Some(state.scheduling.thread(held.thread).object)
    });
    if let Some(owner) = owner {
        stop(
            ("0xC4", [0x100B, resource, owner, 0]),
            "an ERESOURCE was deleted while it is held".to_owned(),
        );
    }
    with(|state| {
        let by = caller(state);
        state
            .objects
            .created
            .delete(resource, kernel_objects::ObjectKind::Resource, by);
    });
    0
}

fn take_resource(resource: usize, mode: Mode, wait: u8) -> u8 {
    require_resource(resource);
    require_no_apcs("an ERESOURCE was acquired", 0x37, resource);
    if wait == 0 {
        return u8::from(locks::try_acquire(resource, LockKind::Resource, mode));
    }
    locks::acquire(resource, LockKind::Resource, mode);
    1
}

unsafe extern "win64" fn acquire_resource_exclusive(resource: usize, wait: u8) -> u8 {
    take_resource(resource, Mode::Exclusive, wait)
}

unsafe extern "win64" fn acquire_resource_shared(resource: usize, wait: u8) -> u8 {
    take_resource(resource, Mode::Shared, wait)
}

unsafe extern "win64" fn release_resource(resource: usize) {
    require_resource(resource);
    require_no_apcs("an ERESOURCE was released", 0x38, resource);
    let mine = with(|state| {
        let me = state.scheduling.current_id();
        state
            .verifier
            .locks
            .holders(resource)
            .any(|held| held.thread == me)
    });
    if !mine {
        let what = "an ERESOURCE was released by a thread that does not own it";
        let me = with(|state| state.scheduling.current().object);
        stop(("0xE3", [resource, me, 0, 0]), what.to_owned());
    }
    locks::release(resource, LockKind::Resource);
}

unsafe extern "win64" fn convert_resource(resource: usize) {
    require_resource(resource);
    with(|state| {
        let me = state.scheduling.current_id();
        state.verifier.locks.convert(resource, me, Mode::Shared);
        state.scheduling.release(Sync::Object(resource));
        let on = crate::scheduling::Waitable::Object(resource);
        state.scheduling.wake_all(on);
    });
}

fn holds(resource: usize, modes: &[Mode]) -> u32 {
    with(|state| {
        let me = state.scheduling.current_id();
        let mine = state.verifier.locks.holders(resource);
        let mine = mine.filter(|held| held.thread == me && modes.contains(&held.mode));
        u32::try_from(mine.count()).unwrap_or(u32::MAX)
    })
}

unsafe extern "win64" fn is_acquired_exclusive(resource: usize) -> u8 {
    u8::from(holds(resource, &[Mode::Exclusive]) > 0)
}

unsafe extern "win64" fn is_acquired(resource: usize) -> u32 {
    holds(resource, &[Mode::Exclusive, Mode::Shared])
}

unsafe extern "win64" fn enter_and_exclusive(resource: usize) -> usize {
    // SAFETY: it needs nothing.
    unsafe { enter_region() };
    take_resource(resource, Mode::Exclusive, 1);
    0
}

unsafe extern "win64" fn enter_and_shared(resource: usize) -> usize {
    // SAFETY: it needs nothing.
    unsafe { enter_region() };
    take_resource(resource, Mode::Shared, 1);
    0
}

unsafe extern "win64" fn release_and_leave(resource: usize) {
    // SAFETY: both need nothing.
    unsafe {
        release_resource(resource);
        leave_region();
    }
}
