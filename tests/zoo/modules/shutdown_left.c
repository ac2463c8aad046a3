// SPDX-License-Identifier: MIT OR Apache-2.0
// Deletes a device that is registered for shutdown notification.

#define NOTIFY IoRegisterShutdownNotification
#define OWN_DELETE_DEVICE
#include "device.h"

NTSTATUS Shutdown(IRP *irp) { return Finish(irp, STATUS_SUCCESS, 0); }

void DeleteDevice(void) {
    RIGHT(IoUnregisterShutdownNotification(Device);)
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(Device);
}
