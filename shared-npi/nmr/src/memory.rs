// SPDX-License-Identifier: MIT OR Apache-2.0

//! Fallible allocation. `Box::new` does not return an error: a driver that is out of
//! memory would bug-check.

use alloc::alloc::alloc;
use alloc::boxed::Box;
use core::alloc::Layout;

use crate::{NtStatus, Result};

/// The most bytes of a value that is moved through a kernel stack, which has 12 KiB on
/// x86 and 24 KiB on x64 for all callers together.
pub const MAX_SIZE: usize = 4096;

/// A box of `value`, or `STATUS_INSUFFICIENT_RESOURCES` and `value` dropped.
///
/// IRQL <= `DISPATCH_LEVEL`, as the pool.
///
/// # Errors
///
/// `STATUS_INSUFFICIENT_RESOURCES`.
pub fn try_box<T>(value: T) -> Result<Box<T>> {
    const {
        assert!(size_of::<T>() != 0);
        assert_alignment::<T>();
    }
    // SAFETY: the layout is not of size zero, asserted above.
    let place = unsafe { alloc(Layout::new::<T>()) }.cast::<T>();
    if place.is_null() {
        return Err(NtStatus::INSUFFICIENT_RESOURCES);
    }
    // SAFETY: `place` is a fresh allocation with the layout of `T`.
    unsafe { place.write(value) };
    // SAFETY: `place` comes from the global allocator with the layout of `T`
    // and holds a value.
    Ok(unsafe { Box::from_raw(place) })
}

/// Fails to compile if a `T` wants more than the pool's alignment, which `wdk-alloc`
/// gives whatever is asked for.
pub(crate) const fn assert_alignment<T>() {
    assert!(
        align_of::<T>() <= 2 * size_of::<usize>(),
        "the pool aligns to two words: keep what wants more elsewhere"
    );
}

#[cfg(test)]
mod tests {
    use super::try_box;

    #[test]
    fn a_box_holds_its_value() {
        assert_eq!(try_box([7_u64; 9]).map(|boxed| *boxed), Ok([7; 9]));
    }
}
