// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cng.sys`: random numbers, which are drawn from the cycle's seed.
//!
//! There is no algorithm provider to open: the only generators are the system's own,
//! which a caller names by a flag or by a pseudo-handle.

use rand::Rng;
use windows_sys::Win32::Foundation::{
    STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;

exports! {
    of "cng.sys":
    // `DISPATCH_LEVEL` is for handles that were opened with BCRYPT_PROV_DISPATCH.
    "BCryptGenRandom" <= PASSIVE_LEVEL => bcrypt_gen_random: i32;
}

/// `BCRYPT_USE_SYSTEM_PREFERRED_RNG`.
const PREFERRED: u32 = 2;
/// `BCRYPT_RNG_ALG_HANDLE`.
const PSEUDO_HANDLE: usize = 0x81;

unsafe extern "win64" fn bcrypt_gen_random(
    algorithm: usize,
    buffer: *mut u8,
    length: u32,
    flags: u32,
) -> i32 {
    let is_preferred = flags & PREFERRED != 0;
    match algorithm {
        0 if is_preferred => {}
        PSEUDO_HANDLE if !is_preferred => {}
        _ if is_preferred => return STATUS_INVALID_PARAMETER,
        _ => return STATUS_INVALID_HANDLE,
    }
    if buffer.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    let mut bytes = vec![0; length as usize];
    with(|state| state.choices.random.fill_bytes(&mut bytes));
    // SAFETY: the buffer has this length and may be written, as documented.
    unsafe { buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    STATUS_SUCCESS
}
