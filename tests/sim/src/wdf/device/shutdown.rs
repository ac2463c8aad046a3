// SPDX-License-Identifier: MIT OR Apache-2.0

//! `EvtDeviceShutdownNotification`: the framework registers a control device for the
//! shutdown of the machine, and passes the request on.

use windows_sys::Win32::Foundation::STATUS_SUCCESS;

use crate::findings::caller::caller;
use crate::io::irp::Irp;
use crate::io::shutdown::Queue;
use crate::kernel::{State, with};
use crate::wdf::request::finish;
use crate::wdf::{call, handle};

/// `WdfDeviceShutdown` and `WdfDeviceLastChanceShutdown`.
const FLAGS: [(u8, Queue); 2] = [(1, Queue::First), (2, Queue::LastChance)];

/// The driver's function, and the flags with which it was given.
#[derive(Clone, Copy, Debug)]
pub(in crate::wdf) struct ShutdownRoutine {
    pub(super) routine: usize,
    pub(super) flags: u8,
}

impl ShutdownRoutine {
    /// Registers a device that is created.
    pub(super) fn register(self, state: &mut State, device: usize) {
        let Some(by) = caller(state) else {
            return;
        };
        for (_, queue) in FLAGS.iter().filter(|(flag, _)| self.flags & flag != 0) {
            state.io.shutdown.register(*queue, device, by);
        }
    }
}

/// Handles `IRP_MJ_SHUTDOWN`.
pub(in crate::wdf) fn notify(device: usize, irp: *mut Irp) -> i32 {
    let shutdown = with(|state| state.wdf.devices.get(&device)?.shutdown);
    if let Some(ShutdownRoutine { routine, .. }) = shutdown.filter(|it| it.routine != 0) {
        let what = "EvtDeviceShutdownNotification";
        // SAFETY: the callback takes this.
        unsafe { call(what, routine, device, &[handle(device)]) };
    }
    finish(irp, STATUS_SUCCESS)
}
