// SPDX-License-Identifier: MIT OR Apache-2.0
// Stops its thread at shutdown, and leaves the request to it, which does not know of it.

#define NOTIFY IoRegisterShutdownNotification
#include "device.h"

NTSTATUS Shutdown(IRP *irp) {
    Stop = TRUE;
    WRONG(MARK_PENDING(irp); return STATUS_PENDING;)
    RIGHT(return Finish(irp, STATUS_SUCCESS, 0);)
}
