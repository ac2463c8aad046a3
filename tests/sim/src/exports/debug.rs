// SPDX-License-Identifier: MIT OR Apache-2.0

//! Messages for a debugger, which are written to the trace.

use std::arch::naked_asm;

use crate::exports::data::formats;
use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::{self, HIGH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;

exports! {
    "DbgPrint" <= HIGH_LEVEL => dbg_print: i32;
    "DbgPrintEx" <= HIGH_LEVEL => dbg_print_ex: i32;
    "vDbgPrintEx" <= HIGH_LEVEL => v_dbg_print_ex: i32;
    "vDbgPrintExWithPrefix" <= HIGH_LEVEL => v_dbg_print_ex_with_prefix: i32;
}

/// `ULONG DbgPrint(PCSTR Format, ...)`: leaves the arguments in memory, one
/// after the other, as a callee of this convention may.
#[unsafe(naked)]
unsafe extern "win64" fn dbg_print() {
    naked_asm!(
        "mov [rsp + 0x08], rcx",
        "mov [rsp + 0x10], rdx",
        "mov [rsp + 0x18], r8",
        "mov [rsp + 0x20], r9",
        "lea rcx, [rsp + 0x08]",
        "jmp {print}",
        print = sym print,
    )
}

/// `ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)`.
#[unsafe(naked)]
unsafe extern "win64" fn dbg_print_ex() {
    naked_asm!(
        "mov [rsp + 0x08], rcx",
        "mov [rsp + 0x10], rdx",
        "mov [rsp + 0x18], r8",
        "mov [rsp + 0x20], r9",
        "lea rcx, [rsp + 0x18]",
        "jmp {print}",
        print = sym print,
    )
}

/// Prints the format that `arguments` starts with and the arguments after it.
unsafe extern "win64" fn print(arguments: *const u64) -> i32 {
    // SAFETY: `dbg_print` left at least four arguments there.
    let format = unsafe { arguments.read() } as *const u8;
    forbid_unicode(format);
    // SAFETY: the caller's format fits its arguments; if not, the fault is its.
    let text = unsafe { formats::format(format, arguments.add(1)) };
    note(text.trim_end());
    0
}

/// "The Unicode format codes (%C, %S, %lc, %ls, %wc, %ws, and %wZ) can be used only at IRQL =
/// `PASSIVE_LEVEL`."
fn forbid_unicode(format: *const u8) {
    const CODES: [&str; 7] = ["%C", "%S", "%lc", "%ls", "%wc", "%ws", "%wZ"];
    let level = with(|state| state.scheduling.current().irql);
    if level == PASSIVE_LEVEL {
        return;
    }
    // SAFETY: the format ends with a zero, as documented, which is what this format takes.
    let format = unsafe { formats::format(c"%s".as_ptr().cast(), (&raw const format).cast()) };
    if let Some(code) = CODES.iter().find(|code| format.contains(**code)) {
        let what = format!(
            "{code} was printed at {}: formats of Unicode text are for PASSIVE_LEVEL only",
            irql::name(level)
        );
        stop(("0xA", [0, usize::from(level), 0, 0]), what);
    }
}

/// `arguments` is a `va_list`.
unsafe extern "win64" fn v_dbg_print_ex(
    _component: u32,
    _level: u32,
    format: *const u8,
    arguments: *const u64,
) -> i32 {
    forbid_unicode(format);
    // SAFETY: the caller's format fits its arguments; if not, the fault is its.
    let text = unsafe { formats::format(format, arguments) };
    note(text.trim_end());
    0
}

unsafe extern "win64" fn v_dbg_print_ex_with_prefix(
    prefix: *const u8,
    _component: u32,
    _level: u32,
    format: *const u8,
    arguments: *const u64,
) -> i32 {
    forbid_unicode(format);
    // SAFETY: the prefix ends with a zero, as documented, which is what this format takes.
    let prefix = unsafe { formats::format(c"%s".as_ptr().cast(), (&raw const prefix).cast()) };
    // SAFETY: the caller's format fits its arguments; if not, the fault is its.
    let text = unsafe { formats::format(format, arguments) };
    note(format!("{prefix}{text}").trim_end());
    0
}

/// Adds a message to the trace.
fn note(text: &str) {
    with(|state| state.trace(|_| format!("prints {text}")));
}
