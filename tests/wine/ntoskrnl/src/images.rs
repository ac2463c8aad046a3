// SPDX-License-Identifier: MIT OR Apache-2.0

//! The loaded images of drivers under test: all that are not Windows' own.

use core::ffi::c_void;
use core::ops::Range;
use core::{ptr, slice};

use crate::original::LdrRegisterDllNotification;
use crate::pool;
use crate::spin::Spin;

/// The number of images that are tracked at a time.
const MOST: usize = 32;

static WATCHED: Spin<[Range<usize>; MOST]> = Spin::new([const { 0..0 }; MOST]);

/// Returns `true` if the address is in the image of a driver under test.
pub(crate) fn is_watched(address: usize) -> bool {
    WATCHED.with(|images| images.iter().any(|image| image.contains(&address)))
}

/// A `UNICODE_STRING`.
#[repr(C)]
struct Text {
    bytes: u16,
    capacity: u16,
    units: *const u16,
}

/// The loader's notification of an image that was loaded or is about to be unloaded.
#[repr(C)]
struct Notice {
    flags: u32,
    path: *const Text,
    name: *const Text,
    base: usize,
    size: u32,
}

const LOADED: u32 = 1;
const UNLOADED: u32 = 2;

/// The entry point of this image.
///
/// # Safety
///
/// Called by the loader.
// The name of the entry point in the linker's options.
#[unsafe(export_name = "_DllMainCRTStartup")]
unsafe extern "system" fn attach(_: *mut c_void, reason: u32, _: *mut c_void) -> i32 {
    const PROCESS_ATTACH: u32 = 1;
    if reason == PROCESS_ATTACH {
        let mut cookie = ptr::null_mut();
        // SAFETY: the function is valid as long as the process, and the cookie is writable.
        unsafe { LdrRegisterDllNotification(0, hear, ptr::null_mut(), &raw mut cookie) };
    }
    1
}

unsafe extern "system" fn hear(reason: u32, notice: *const c_void, _: *mut c_void) {
    // SAFETY: the loader passes a notification of this layout for both reasons.
    let notice = unsafe { &*notice.cast::<Notice>() };
    let image = notice.base..notice.base + notice.size as usize;
    match reason {
        // SAFETY: the loader's notification contains a valid path.
        LOADED if !is_of_windows(unsafe { &*notice.path }) => WATCHED.with(|images| {
            if let Some(free) = images.iter_mut().find(|it| Range::is_empty(it)) {
                *free = image;
            }
        }),
        UNLOADED => {
            let known = WATCHED.with(|images| {
                let known = images.iter_mut().find(|it| **it == image);
                known.map(|known| *known = 0..0).is_some()
            });
            if known {
                pool::check_nothing_left(&image);
            }
        }
        _ => {}
    }
}

/// Returns `true` if a path is in Windows' own directory.
fn is_of_windows(path: &Text) -> bool {
    const DIRECTORY: &[u8] = br"c:\windows\";
    let units = usize::from(path.bytes) / 2;
    // SAFETY: a string of the loader has that many units.
    let path = unsafe { slice::from_raw_parts(path.units, units) };
    let letter = |unit: u16| u8::try_from(unit).unwrap_or_default().to_ascii_lowercase();
    path.len() >= DIRECTORY.len()
        && path
            .iter()
            .zip(DIRECTORY)
            .all(|(&is, of)| letter(is) == *of)
}
