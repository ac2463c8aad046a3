// SPDX-License-Identifier: MIT OR Apache-2.0

//! Fallible allocation. `Box::new` cannot return an error: without memory, the driver would
//! bug-check.

use alloc::alloc::alloc;
use alloc::boxed::Box;
use core::alloc::Layout;
use core::ptr;

use crate::{NtStatus, Result};

/// The maximum size of a value that is moved through a kernel stack, which has 12 KiB on x86
/// and 24 KiB on x64 for all functions in a call chain.
pub const MAX_SIZE: usize = 4096;

/// Puts `value` in a box. IRQL <= `DISPATCH_LEVEL`, as for the pool.
///
/// # Errors
///
/// `STATUS_INSUFFICIENT_RESOURCES`; `value` has then been dropped.
pub fn try_box<T>(value: T) -> Result<Box<T>> {
    const {
        assert!(size_of::<T>() != 0);
        assert_alignment::<T>();
    }
    // SAFETY: the size of the layout is not zero, as asserted above.
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

/// Creates a boxed slice of `count` values from `make`, or fails with
/// `STATUS_INSUFFICIENT_RESOURCES`. IRQL <= `DISPATCH_LEVEL`, as for the pool.
pub(crate) fn try_slice<T>(count: usize, mut make: impl FnMut() -> T) -> Result<Box<[T]>> {
    const {
        assert!(size_of::<T>() != 0);
        assert_alignment::<T>();
    }
    let no_memory = |_| NtStatus::INSUFFICIENT_RESOURCES;
    let layout = Layout::array::<T>(count).map_err(no_memory)?;
    if layout.size() == 0 {
        return Ok(Box::default());
    }
    // SAFETY: the size of the layout is not zero.
    let place = unsafe { alloc(layout) }.cast::<T>();
    if place.is_null() {
        return Err(NtStatus::INSUFFICIENT_RESOURCES);
    }
    for index in 0..count {
        // SAFETY: the allocation has room for `count` values.
        let element = unsafe { place.add(index) };
        // SAFETY: inside the allocation.
        unsafe { element.write(make()) };
    }
    let slice = ptr::slice_from_raw_parts_mut(place, count);
    // SAFETY: `place` comes from the global allocator with the layout of the slice, and
    // holds its values.
    Ok(unsafe { Box::from_raw(slice) })
}

/// Fails to compile if a `T` needs a larger alignment than the pool's: `wdk-alloc` ignores the
/// requested alignment.
pub(crate) const fn assert_alignment<T>() {
    assert!(
        align_of::<T>() <= 2 * size_of::<usize>(),
        "the pool aligns to two words: keep what wants more elsewhere"
    );
}

#[cfg(test)]
mod tests {
    use super::{try_box, try_slice};

    #[test]
    fn a_box_holds_its_value() {
        assert_eq!(try_box([7_u64; 9]).map(|boxed| *boxed), Ok([7; 9]));
    }

    #[test]
    fn a_slice_holds_its_values() {
        let mut next = 0;
        let slice = try_slice(3, || {
            next += 1;
            next
        });
        assert_eq!(slice.as_deref(), Ok(&[1, 2, 3][..]));
    }
}
