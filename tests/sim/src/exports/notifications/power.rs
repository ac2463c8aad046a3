// SPDX-License-Identifier: MIT OR Apache-2.0

//! Notifications of power settings: each setting that drivers ask for goes on and off.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use super::{Kind, Notification, Target, Wanted, add, notify, remove};
use crate::exports::exports;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;

exports! {
    "PoRegisterPowerSettingCallback" <= PASSIVE_LEVEL => register: i32;
    "PoUnregisterPowerSettingCallback" <= PASSIVE_LEVEL => unregister: i32;
}

/// The routine gets the setting as it is, before this returns.
unsafe extern "win64" fn register(
    _device: usize,
    setting: *const u128,
    routine: usize,
    context: usize,
    handle: *mut usize,
) -> i32 {
    if routine == 0 || setting.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the setting is a valid `GUID`, as documented, which is aligned to 4 bytes.
    let setting = unsafe { setting.read_unaligned() };
    let key = with(|state| {
        let key = state.objects.notifications.next_handle();
        let wanted = Wanted {
            context,
            filter: setting,
            ..Wanted::new(Kind::Power, key, routine)
        };
        add(state, wanted).then_some(key)
    });
    let Some(key) = key else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    if !handle.is_null() {
        // SAFETY: the handle may be written, as documented.
        unsafe { handle.write(key) };
    }
    tell(true, |it| it.key == key);
    STATUS_SUCCESS
}

unsafe extern "win64" fn unregister(handle: usize) -> i32 {
    if remove(Kind::Power, handle) {
        STATUS_SUCCESS
    } else {
        STATUS_INVALID_PARAMETER
    }
}

/// All settings change.
pub(super) fn change(is_on: bool) {
    tell(is_on, |_| true);
}

fn tell(is_on: bool, wanted: impl Fn(&Notification) -> bool) {
    let value = u32::from(is_on);
    let at = (&raw const value).addr();
    let arguments = |it: &Target| {
        let setting = (&raw const it.filter).addr();
        vec![setting, at, size_of::<u32>(), it.context]
    };
    notify(Kind::Power, wanted, arguments, |_, _| {});
}
