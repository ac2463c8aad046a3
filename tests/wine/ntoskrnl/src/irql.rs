// SPDX-License-Identifier: MIT OR Apache-2.0

//! The IRQL of each thread.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::original::{TlsAlloc, TlsGetValue, TlsSetValue};

pub(crate) const PASSIVE_LEVEL: u8 = 0;
pub(crate) const APC_LEVEL: u8 = 1;
pub(crate) const DISPATCH_LEVEL: u8 = 2;

/// Where each thread keeps its IRQL; made at the first use.
fn slot() -> u32 {
    const NONE: u32 = u32::MAX;
    static SLOT: AtomicU32 = AtomicU32::new(NONE);

    let slot = SLOT.load(Ordering::Relaxed);
    if slot != NONE {
        return slot;
    }
    // SAFETY: callable at any time. A slot that loses the race is left unused.
    let new = unsafe { TlsAlloc() };
    match SLOT.compare_exchange(NONE, new, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => new,
        Err(other) => other,
    }
}

pub(crate) fn current() -> u8 {
    // SAFETY: the slot has been allocated.
    let value = unsafe { TlsGetValue(slot()) };
    value.addr().to_le_bytes()[0]
}

/// Answers what it was.
pub(crate) fn set(irql: u8) -> u8 {
    let old = current();
    let value: *mut c_void = ptr::without_provenance_mut(usize::from(irql));
    // SAFETY: the slot has been allocated.
    unsafe { TlsSetValue(slot(), value) };
    old
}

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeGetCurrentIrql() -> u8 {
    current()
}

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KfRaiseIrql(irql: u8) -> u8 {
    set(irql)
}

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeRaiseIrqlToDpcLevel() -> u8 {
    set(DISPATCH_LEVEL)
}

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeLowerIrql(irql: u8) {
    set(irql);
}

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KfLowerIrql(irql: u8) {
    set(irql);
}
