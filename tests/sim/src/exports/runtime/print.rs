// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `printf` functions, on which those of `ntstrsafe.h` stand, too.

use std::arch::naked_asm;

use super::{TRUNCATE, Unit};
use crate::exports::data::formats;
use crate::exports::exports;
use crate::exports::memory::access::{self, store};
use crate::hardware::irql::HIGH_LEVEL;

exports! {
    "sprintf" <= HIGH_LEVEL => sprintf: i32;
    "vsprintf" <= HIGH_LEVEL => vprint::<u8>: i32;
    "sprintf_s" <= HIGH_LEVEL => sprintf_s: i32;
    "vsprintf_s" <= HIGH_LEVEL => vprint_within::<u8>: i32;
    "_snprintf" <= HIGH_LEVEL => snprintf: i32;
    "_vsnprintf" <= HIGH_LEVEL => vprint_cut::<u8>: i32;
    "_snprintf_s" <= HIGH_LEVEL => snprintf_s: i32;
    "_vsnprintf_s" <= HIGH_LEVEL => vprint_cut_within::<u8>: i32;
    "swprintf" <= HIGH_LEVEL => swprintf: i32;
    "_vswprintf" <= HIGH_LEVEL => vprint::<u16>: i32;
    "swprintf_s" <= HIGH_LEVEL => swprintf_s: i32;
    "vswprintf_s" <= HIGH_LEVEL => vprint_within::<u16>: i32;
    "_snwprintf" <= HIGH_LEVEL => snwprintf: i32;
    "_vsnwprintf" <= HIGH_LEVEL => vprint_cut::<u16>: i32;
    "_snwprintf_s" <= HIGH_LEVEL => snwprintf_s: i32;
    "_vsnwprintf_s" <= HIGH_LEVEL => vprint_cut_within::<u16>: i32;
}

/// A function with variable arguments: leaves all arguments in memory, one after the
/// other, as a callee of this convention may, and passes their address.
macro_rules! variadic {
    ($($name:ident => $with:path;)*) => {$(
        #[unsafe(naked)]
        unsafe extern "win64" fn $name() {
            naked_asm!(
                "mov [rsp + 0x08], rcx",
                "mov [rsp + 0x10], rdx",
                "mov [rsp + 0x18], r8",
                "mov [rsp + 0x20], r9",
                "lea rcx, [rsp + 0x08]",
                "jmp {with}",
                with = sym $with,
            )
        }
    )*};
}

variadic! {
    sprintf => print::<u8>;
    swprintf => print::<u16>;
    sprintf_s => print_within::<u8>;
    swprintf_s => print_within::<u16>;
    snprintf => print_cut::<u8>;
    snwprintf => print_cut::<u16>;
    snprintf_s => print_cut_within::<u8>;
    snwprintf_s => print_cut_within::<u16>;
}

/// The text of a format and its arguments.
///
/// # Safety
///
/// The format ends with a zero and the arguments fit it.
unsafe fn text<U: Unit>(format: *const U, arguments: *const u64) -> Vec<U> {
    if size_of::<U>() == 1 {
        // SAFETY: by this function's contract.
        let text = unsafe { formats::format(format.cast(), arguments) };
        return text.chars().map(|it| U::from_code(u32::from(it))).collect();
    }
    // SAFETY: by this function's contract.
    let text = unsafe { formats::format_wide(format.cast(), arguments) };
    let units = text.encode_utf16().map(u32::from);
    units.map(U::from_code).collect()
}

/// # Safety
///
/// The buffer has room for the text and a zero.
unsafe fn put<U: Unit>(to: *mut U, text: &[U]) -> i32 {
    // SAFETY: by this function's contract.
    unsafe { access::copy(text.as_ptr(), to, text.len()) };
    // SAFETY: as above.
    unsafe { store(to.wrapping_add(text.len()), U::END) };
    count(text.len())
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// `vsprintf`: there is room, as the driver says.
unsafe extern "win64" fn vprint<U: Unit>(
    to: *mut U,
    format: *const U,
    arguments: *const u64,
) -> i32 {
    // SAFETY: the driver's own arguments, as documented.
    unsafe { put(to, &text(format, arguments)) }
}

/// `vsprintf_s`: the buffer has `size` units, and stays empty if that is too few.
unsafe extern "win64" fn vprint_within<U: Unit>(
    to: *mut U,
    size: usize,
    format: *const U,
    arguments: *const u64,
) -> i32 {
    if to.is_null() || size == 0 || format.is_null() {
        return -1;
    }
    // SAFETY: the driver's own arguments, as documented.
    let text = unsafe { text(format, arguments) };
    if text.len() >= size {
        // SAFETY: the buffer has its size, as documented.
        unsafe { store(to, U::END) };
        return -1;
    }
    // SAFETY: it fits.
    unsafe { put(to, &text) }
}

/// `_vsnprintf`: no more than `most` units, without a zero where they are as many.
unsafe extern "win64" fn vprint_cut<U: Unit>(
    to: *mut U,
    most: usize,
    format: *const U,
    arguments: *const u64,
) -> i32 {
    // SAFETY: the driver's own arguments, as documented.
    let text = unsafe { text(format, arguments) };
    if to.is_null() && most == 0 {
        return count(text.len());
    }
    if text.len() < most {
        // SAFETY: it fits.
        return unsafe { put(to, &text) };
    }
    // SAFETY: the buffer has that number of units, as documented.
    unsafe { access::copy(text.as_ptr(), to, most) };
    if text.len() == most { count(most) } else { -1 }
}

/// `_vsnprintf_s`: no more than `most` units and a zero.
unsafe extern "win64" fn vprint_cut_within<U: Unit>(
    to: *mut U,
    size: usize,
    most: usize,
    format: *const U,
    arguments: *const u64,
) -> i32 {
    if to.is_null() && size == 0 && most == 0 {
        return 0;
    }
    if to.is_null() || size == 0 || format.is_null() {
        return -1;
    }
    // SAFETY: the driver's own arguments, as documented.
    let text = unsafe { text(format, arguments) };
    let cut = text.len().min(most);
    if cut < size {
        // SAFETY: it fits.
        let written = unsafe { put(to, &text[..cut]) };
        return if cut < text.len() { -1 } else { written };
    }
    let kept = if most == TRUNCATE { size - 1 } else { 0 };
    // SAFETY: it fits.
    unsafe { put(to, &text[..kept]) };
    -1
}

/// An argument of a function with variable arguments.
///
/// # Safety
///
/// It has that number of units.
unsafe fn argument(arguments: *const u64, number: usize) -> usize {
    // SAFETY: by this function's contract.
    let value = unsafe { arguments.add(number).read() };
    usize::try_from(value).expect("both have 64 bits")
}

unsafe extern "win64" fn print<U: Unit>(all: *const u64) -> i32 {
    // SAFETY: there are as many arguments before the variable ones.
    let [to, format] = [0, 1].map(|number| unsafe { argument(all, number) });
    // SAFETY: this passes on the driver's own arguments.
    unsafe { vprint(to as *mut U, format as *const U, all.add(2)) }
}

unsafe extern "win64" fn print_within<U: Unit>(all: *const u64) -> i32 {
    // SAFETY: there are as many arguments before the variable ones.
    let [to, size, format] = [0, 1, 2].map(|number| unsafe { argument(all, number) });
    // SAFETY: this passes on the driver's own arguments.
    unsafe { vprint_within(to as *mut U, size, format as *const U, all.add(3)) }
}

unsafe extern "win64" fn print_cut<U: Unit>(all: *const u64) -> i32 {
    // SAFETY: there are as many arguments before the variable ones.
    let [to, most, format] = [0, 1, 2].map(|number| unsafe { argument(all, number) });
    // SAFETY: this passes on the driver's own arguments.
    unsafe { vprint_cut(to as *mut U, most, format as *const U, all.add(3)) }
}

unsafe extern "win64" fn print_cut_within<U: Unit>(all: *const u64) -> i32 {
    // SAFETY: there are as many arguments before the variable ones.
    let [to, size, most, format] = [0, 1, 2, 3].map(|number| unsafe { argument(all, number) });
    // SAFETY: this passes on the driver's own arguments.
    unsafe { vprint_cut_within(to as *mut U, size, most, format as *const U, all.add(4)) }
}
