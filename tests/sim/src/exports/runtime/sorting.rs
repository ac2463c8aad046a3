// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sorting and searching arrays with a driver's comparison.

use std::ptr;

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::hardware::irql::HIGH_LEVEL;
use crate::kernel::with;
use crate::verifier::driver_call;

exports! {
    "qsort" <= HIGH_LEVEL => sort: ();
    "bsearch" <= HIGH_LEVEL => search: usize;
}

/// An array of a driver's.
#[derive(Clone, Copy)]
struct Array {
    start: *mut u8,
    width: usize,
    compare: usize,
}

/// Compares two elements by a driver's function.
///
/// # Safety
///
/// Both are elements, or what the driver searches for.
unsafe fn compare(function: usize, left: *const u8, right: *const u8) -> i32 {
    let by = with(|state| caller(state));
    let arguments = [left.addr(), right.addr()];
    // SAFETY: it is the driver's own function, for its own elements by this function's
    // contract.
    let result = unsafe { driver_call::call("the comparison", function, by, &arguments) };
    driver_call::status(result)
}

impl Array {
    fn at(self, index: usize) -> *mut u8 {
        self.start.wrapping_add(index * self.width)
    }

    /// # Safety
    ///
    /// Both are elements.
    unsafe fn is_less(self, left: usize, right: usize) -> bool {
        // SAFETY: it is the driver's own function for its own elements.
        unsafe { compare(self.compare, self.at(left), self.at(right)) < 0 }
    }

    /// # Safety
    ///
    /// Both are different elements.
    unsafe fn swap(self, left: usize, right: usize) {
        // SAFETY: each has its width, and they do not overlap.
        unsafe { ptr::swap_nonoverlapping(self.at(left), self.at(right), self.width) };
    }

    /// Lets an element sink in the heap of the first `count`.
    ///
    /// # Safety
    ///
    /// There are that many elements.
    unsafe fn sink(self, mut parent: usize, count: usize) {
        loop {
            let mut child = 2 * parent + 1;
            if child >= count {
                return;
            }
            // SAFETY: they are elements.
            if child + 1 < count && unsafe { self.is_less(child, child + 1) } {
                child += 1;
            }
            // SAFETY: as above.
            if !unsafe { self.is_less(parent, child) } {
                return;
            }
            // SAFETY: as above; a child is not its parent.
            unsafe { self.swap(parent, child) };
            parent = child;
        }
    }
}

unsafe extern "win64" fn sort(start: *mut u8, count: usize, width: usize, compare: usize) {
    let array = Array {
        start,
        width,
        compare,
    };
    for parent in (0..count / 2).rev() {
        // SAFETY: the array has so many elements, as documented.
        unsafe { array.sink(parent, count) };
    }
    for last in (1..count).rev() {
        // SAFETY: as above.
        unsafe { array.swap(0, last) };
        // SAFETY: as above.
        unsafe { array.sink(0, last) };
    }
}

unsafe extern "win64" fn search(
    key: *const u8,
    start: *const u8,
    count: usize,
    width: usize,
    compare: usize,
) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        let element = start.wrapping_add(middle * width);
        // SAFETY: it is the driver's own function for its own elements.
        match unsafe { self::compare(compare, key, element) } {
            0 => return element.addr(),
            ..0 => high = middle,
            _ => low = middle + 1,
        }
    }
    0
}
