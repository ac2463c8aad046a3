// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes its DriverUnload away when a file is opened, and keeps it.

#define OWN_OPENED
#define OWN_CLOSE
#include "device.h"

static LONG Files;

// Counts the files; the routine is there while none is open.
static void Count(LONG step) {
    KIRQL irql = Acquire();
    Files += step;
    RIGHT(Driver->DriverUnload = Files ? NULL : Unload;)
    WRONG(Driver->DriverUnload = NULL;)
    Release(irql);
}

void Opened(IRP *irp) {
    (void)irp;
    Count(1);
}

NTSTATUS Close(IRP *irp) {
    Count(-1);
    Free(SESSION(irp));
    return Finish(irp, STATUS_SUCCESS, 0);
}
