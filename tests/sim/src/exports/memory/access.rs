// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory at the addresses that drivers pass, whatever they are.
//!
//! Rust's own reads and writes promise the compiler a valid, aligned address; an
//! unoptimised build checks that, and would end the simulator. These are machine
//! instructions that fault as they do in Windows, which is the driver's finding.

use std::arch::asm;

/// Reads a value of one or two bytes.
///
/// # Safety
///
/// It may be read, or nothing needs to be done after a fault.
pub(in crate::exports) unsafe fn load<T: From<u8> + TryFrom<u16>>(at: *const T) -> T {
    if size_of::<T>() == 1 {
        let byte: u8;
        // SAFETY: a read, which may fault by this function's contract.
        unsafe {
            asm!(
                "mov {}, byte ptr [{}]",
                out(reg_byte) byte,
                in(reg) at,
                options(nostack, preserves_flags, readonly)
            );
        }
        return T::from(byte);
    }
    let word: u16;
    // SAFETY: as above.
    unsafe {
        asm!(
            "mov {:x}, word ptr [{}]",
            out(reg) word,
            in(reg) at,
            options(nostack, preserves_flags, readonly)
        );
    }
    T::try_from(word).unwrap_or_else(|_| T::from(0))
}

/// Copies bytes, of ranges that may overlap.
///
/// # Safety
///
/// Both may be accessed, or nothing needs to be done after a fault.
pub(in crate::exports) unsafe fn copy<T>(from: *const T, to: *mut T, count: usize) {
    let (from, to) = (from.cast::<u8>(), to.cast::<u8>());
    let bytes = count.wrapping_mul(size_of::<T>());
    let distance = to.addr().wrapping_sub(from.addr());
    if distance == 0 || distance >= bytes {
        // SAFETY: what is read was not written before, and both may be accessed by
        // this function's contract.
        unsafe {
            asm!(
                "rep movsb",
                inout("rcx") bytes => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags)
            );
        }
        return;
    }
    // From the end: the direction flag stays as it is, also after a fault.
    for at in (0..bytes).rev() {
        // SAFETY: as above, one byte at a time.
        unsafe { copy(from.wrapping_add(at), to.wrapping_add(at), 1) };
    }
}

/// Writes a value.
///
/// # Safety
///
/// It may be written, or nothing needs to be done after a fault.
pub(in crate::exports) unsafe fn store<T: Copy>(to: *mut T, value: T) {
    // SAFETY: the value is here; the target may be written, by this function's
    // contract.
    unsafe { copy(&raw const value, to, 1) };
}

/// Fills bytes.
///
/// # Safety
///
/// They may be written, or nothing needs to be done after a fault.
pub(in crate::exports) unsafe fn fill(to: *mut u8, byte: u8, count: usize) {
    // SAFETY: they may be written, by this function's contract.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") count => _,
            inout("rdi") to => _,
            in("al") byte,
            options(nostack, preserves_flags)
        );
    }
}

/// Reads a value of a structure that a driver has passed.
pub(in crate::exports) fn get<T: Copy + Default>(at: usize) -> T {
    let mut value = T::default();
    // SAFETY: it is valid, as documented; if not, the fault is the caller's.
    unsafe { copy(at as *const T, &raw mut value, 1) };
    value
}

/// Writes a value of a structure that a driver has passed.
pub(in crate::exports) fn set<T: Copy>(at: usize, value: T) {
    // SAFETY: as in `get`.
    unsafe { store(at as *mut T, value) };
}
