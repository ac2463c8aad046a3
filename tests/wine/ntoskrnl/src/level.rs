// SPDX-License-Identifier: MIT OR Apache-2.0

//! IRQL checks of functions that are limited to some IRQLs.
//!
//! A call by a driver under test at a wrong IRQL is a bug check, with the codes of Windows
//! and Driver Verifier.

use core::arch::naked_asm;
use core::ffi::c_void;

use crate::images;
use crate::irql::{self, APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::original::{
    ExAcquireFastMutex, KeDelayExecutionThread, ZwClose, ZwOpenKey, ZwQueryValueKey,
    ZwWaitForSingleObject,
};
use crate::report::bug_check;

/// `IRQL_NOT_LESS_OR_EQUAL` and `DRIVER_VERIFIER_DETECTED_VIOLATION`.
const NOT_LESS_OR_EQUAL: u32 = 0xA;
const VERIFIER: u32 = 0xC4;

/// Checks a call by `caller` of the function `name`, which is allowed up to `limit`.
pub(crate) extern "system" fn check(limit: u32, name: &&str, caller: usize) {
    let level = irql::current();
    if u32::from(level) > limit && images::is_watched(caller) {
        let what = format_args!("{name} was called at IRQL {level}, above {limit}");
        bug_check(
            NOT_LESS_OR_EQUAL,
            [0, usize::from(level), 0, caller],
            caller,
            what,
        );
    }
}

/// Checks a wait of `caller` for `object`.
pub(crate) extern "system" fn check_wait(
    object: *const c_void,
    timeout: Option<&i64>,
    caller: usize,
) {
    let level = irql::current();
    if level >= DISPATCH_LEVEL && timeout != Some(&0) && images::is_watched(caller) {
        let number = if timeout.is_none() { 0x121 } else { 0x122 };
        let what = format_args!("a wait would block at IRQL {level}");
        bug_check(VERIFIER, [number, 0, object.addr(), 0], caller, what);
    }
}

/// Defines functions that check their caller's IRQL, then call the original.
macro_rules! limited {
    ($(pub(crate) unsafe extern "system" fn $name:ident() <= $limit:ident => $original:ident;)*) => {
        $(
            /// # Safety
            ///
            /// The documented contract of the function.
            #[unsafe(no_mangle)]
            #[unsafe(naked)]
            pub(crate) unsafe extern "system" fn $name() {
                static NAME: &str = stringify!($original);
                naked_asm!(
                    "push rcx",
                    "push rdx",
                    "push r8",
                    "push r9",
                    "sub rsp, 40",
                    "mov ecx, {limit}",
                    "lea rdx, [rip + {name}]",
                    "mov r8, [rsp + 72]",
                    "call {check}",
                    "add rsp, 40",
                    "pop r9",
                    "pop r8",
                    "pop rdx",
                    "pop rcx",
                    "jmp {original}",
                    limit = const $limit,
                    name = sym NAME,
                    check = sym check,
                    original = sym $original,
                )
            }
        )*
    };
}

limited! {
    pub(crate) unsafe extern "system" fn OwnExAcquireFastMutex() <= APC_LEVEL => ExAcquireFastMutex;
    pub(crate) unsafe extern "system" fn OwnKeDelayExecutionThread() <= APC_LEVEL => KeDelayExecutionThread;
    pub(crate) unsafe extern "system" fn OwnZwClose() <= PASSIVE_LEVEL => ZwClose;
    pub(crate) unsafe extern "system" fn OwnZwOpenKey() <= PASSIVE_LEVEL => ZwOpenKey;
    pub(crate) unsafe extern "system" fn OwnZwQueryValueKey() <= PASSIVE_LEVEL => ZwQueryValueKey;
    pub(crate) unsafe extern "system" fn OwnZwWaitForSingleObject() <= PASSIVE_LEVEL => ZwWaitForSingleObject;
}
