// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks push locks: one exclusive holder, or any number of shared holders.

use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, Ordering};

use native::event::Event;
use native::thread;

use crate::system::{
    ExAcquirePushLockExclusiveEx, ExAcquirePushLockSharedEx, ExReleasePushLockExclusiveEx,
    ExReleasePushLockSharedEx, ExTryAcquirePushLockExclusiveEx, ExTryAcquirePushLockSharedEx,
};

pub(crate) fn works() {
    excludes();
    lets_one_at_a_time_in();
}

fn excludes() {
    let mut word = 0;
    let lock = &raw mut word;
    // SAFETY: the lock is initialised, and each release follows an acquisition.
    unsafe {
        ExAcquirePushLockExclusiveEx(lock, 0);
        assert_eq!(
            ExTryAcquirePushLockSharedEx(lock, 0),
            0,
            "shared beside one"
        );
        ExReleasePushLockExclusiveEx(lock, 0);
        ExAcquirePushLockSharedEx(lock, 0);
        assert_eq!(ExTryAcquirePushLockSharedEx(lock, 0), 1, "two share it");
        assert_eq!(
            ExTryAcquirePushLockExclusiveEx(lock, 0),
            0,
            "one beside two"
        );
        ExReleasePushLockSharedEx(lock, 0);
        ExReleasePushLockSharedEx(lock, 0);
        assert_eq!(ExTryAcquirePushLockExclusiveEx(lock, 0), 1, "it is free");
        ExReleasePushLockExclusiveEx(lock, 0);
    }
    assert_eq!(word, 0, "a lock that is free");
}

struct Shared {
    lock: UnsafeCell<usize>,
    /// Accessed only with the lock held.
    count: UnsafeCell<u32>,
    running: AtomicU32,
    over: Event,
}

// SAFETY: the lock serialises accesses to the count.
unsafe impl Send for Shared {}
// SAFETY: the lock serialises accesses to the count by several threads.
unsafe impl Sync for Shared {}

fn lets_one_at_a_time_in() {
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 2000;
    let shared = Arc::new(Shared {
        lock: UnsafeCell::new(0),
        count: UnsafeCell::new(0),
        running: AtomicU32::new(THREADS),
        over: Event::new(),
    });
    for _ in 0..THREADS {
        let shared = Arc::clone(&shared);
        let body = move || {
            for _ in 0..ROUNDS {
                // SAFETY: the lock is initialised.
                unsafe { ExAcquirePushLockExclusiveEx(shared.lock.get(), 0) };
                // SAFETY: the lock is held exclusively.
                unsafe { *shared.count.get() += 1 };
                // SAFETY: this thread acquired the lock above.
                unsafe { ExReleasePushLockExclusiveEx(shared.lock.get(), 0) };
            }
            if shared.running.fetch_sub(1, Ordering::AcqRel) == 1 {
                shared.over.set();
            }
        };
        thread::spawn(body).expect("the kernel has threads");
    }
    shared.over.wait();
    // SAFETY: all threads have finished.
    let count = unsafe { *shared.count.get() };
    assert_eq!(count, THREADS * ROUNDS, "threads met in an exclusive lock");
}
