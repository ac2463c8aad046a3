// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registering devices for the shutdown of the machine.

use registrar::knobs::Knob;
use windows_sys::Wdk::Foundation::DEVICE_OBJECT;
use windows_sys::Win32::Foundation::{STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::io::shutdown::Queue;
use crate::kernel::with;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::faults;

exports! {
    "IoRegisterShutdownNotification" <= PASSIVE_LEVEL => io_register_shutdown_notification: i32;
    "IoRegisterLastChanceShutdownNotification" <= PASSIVE_LEVEL => io_register_last_chance_shutdown_notification: i32;
    "IoUnregisterShutdownNotification" <= PASSIVE_LEVEL => io_unregister_shutdown_notification: ();
}

unsafe extern "win64" fn io_register_shutdown_notification(device: *mut DEVICE_OBJECT) -> i32 {
    register(Queue::First, device.addr())
}

unsafe extern "win64" fn io_register_last_chance_shutdown_notification(
    device: *mut DEVICE_OBJECT,
) -> i32 {
    register(Queue::LastChance, device.addr())
}

fn register(queue: Queue, device: usize) -> i32 {
    check_device(device, "registered");
    with(|state| {
        if faults::fails(state, faults::FaultKind::Device) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        if let Some(by) = caller(state) {
            state.io.shutdown.register(queue, device, by);
            state.record_role(by.driver, "a driver with notification routines");
        }
        STATUS_SUCCESS
    })
}

/// A device that is not registered stays as it is.
unsafe extern "win64" fn io_unregister_shutdown_notification(device: *mut DEVICE_OBJECT) {
    check_device(device.addr(), "unregistered");
    with(|state| state.io.shutdown.unregister(device.addr()));
}

fn check_device(device: usize, what: &str) {
    if !with(|state| state.objects.created.is(device, ObjectKind::Device)) {
        let what =
            format!("{device:#x} was {what} for shutdown notification, which is no device object");
        stop("0xC4", what);
    }
}

/// Ends the notifications of a device that its driver deletes, if the kernel does so;
/// otherwise they would be sent to the freed device.
///
/// # Safety
///
/// The device is in memory.
pub(super) unsafe fn at_delete(device: *mut DEVICE_OBJECT) {
    let Some(by) = with(|state| state.io.shutdown.registered(device.addr())) else {
        return;
    };
    if with(|state| state.knob(Knob::NotificationAtDelete)) == 0 {
        with(|state| state.io.shutdown.unregister(device.addr()));
        return;
    }
    let by = with(|state| state.loader.drivers.show(by));
    let what = format!(
        "a device was deleted that is registered for shutdown notification by {by}: call \
         IoUnregisterShutdownNotification first"
    );
    stop("leak", what);
}
