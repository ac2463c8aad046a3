// SPDX-License-Identifier: MIT OR Apache-2.0

//! Notifications of Plug and Play: a device interface arrives or goes.

use windows_sys::Win32::Foundation::{STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

use super::{Kind, Target, Text, Wanted, add, notify, remove};
use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;

exports! {
    "IoRegisterPlugPlayNotification" <= PASSIVE_LEVEL => register: i32;
    "IoUnregisterPlugPlayNotification" <= PASSIVE_LEVEL => unregister: i32;
    "IoUnregisterPlugPlayNotificationEx" <= PASSIVE_LEVEL => unregister: i32;
}

/// `EventCategoryDeviceInterfaceChange`.
const INTERFACES: i32 = 2;

unsafe extern "win64" fn register(
    category: i32,
    _flags: u32,
    data: *const u128,
    _driver: usize,
    routine: usize,
    context: usize,
    entry: *mut usize,
) -> i32 {
    let filter = if category == INTERFACES {
        // SAFETY: the data is the `GUID` of a class of interfaces, as documented.
        unsafe { data.read_unaligned() }
    } else {
        // Nothing of another category happens here.
        0
    };
    let key = with(|state| {
        let key = state.objects.notifications.next_handle();
        let wanted = Wanted {
            context,
            filter,
            ..Wanted::new(Kind::Device, key, routine)
        };
        add(state, wanted).then_some(key)
    });
    let Some(key) = key else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the entry may be written, as documented.
    unsafe { entry.write(key) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn unregister(entry: usize) -> i32 {
    if !remove(Kind::Device, entry) {
        let what = "what was unregistered is no notification of Plug and Play, or was \
                    unregistered before";
        stop("0xC4", what.to_owned());
    }
    STATUS_SUCCESS
}

/// `DEVICE_INTERFACE_CHANGE_NOTIFICATION`.
#[repr(C, packed(4))]
struct Change {
    version: u16,
    size: u16,
    event: u128,
    class: u128,
    gap: u32,
    link: usize,
}

/// An interface of each class arrives or goes.
pub(super) fn arrive_or_go(arrives: bool) {
    /// `GUID_DEVICE_INTERFACE_ARRIVAL` and `GUID_DEVICE_INTERFACE_REMOVAL`.
    const EVENTS: [u128; 2] = [
        0xF019_4846_BF5D_F98A_11D0_46F0_CB3A_4005,
        0xF019_4846_BF5D_F98A_11D0_46F0_CB3A_4004,
    ];
    let link = Text::new(r"\??\ROOT#NET#0000");
    let classes = with(|state| {
        let all = state.objects.notifications.all.iter();
        let mut classes: Vec<_> = all
            .filter(|it| it.kind == Kind::Device && it.filter != 0)
            .map(|it| it.filter)
            .collect();
        classes.dedup();
        classes
    });
    for class in classes {
        let change = Change {
            version: 1,
            size: u16::try_from(size_of::<Change>()).expect("it is small"),
            event: EVENTS[usize::from(!arrives)],
            class,
            gap: 0,
            link: link.address(),
        };
        let at = (&raw const change).addr();
        let arguments = |it: &Target| vec![at, it.context];
        notify(Kind::Device, |it| it.filter == class, arguments, |_, _| {});
    }
}
