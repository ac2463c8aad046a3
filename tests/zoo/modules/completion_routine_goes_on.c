// SPDX-License-Identifier: MIT OR Apache-2.0
// Lets the I/O manager complete a request that the driver has allocated.

#define OWN_ON_DONE
#include "sends.h"

static NTSTATUS OnDone(PDEVICE_OBJECT device, PIRP irp, PVOID event) {
    (void)device, (void)irp;
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
    return WRONG(STATUS_SUCCESS) RIGHT(STATUS_MORE_PROCESSING_REQUIRED);
}

void Ask(PDEVICE_OBJECT device, PFILE_OBJECT file) {
    static UCHAR status[64];
    static KEVENT event;
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);
    if (!irp)
        return;
    Prepare(irp, file, status, sizeof(status));
    SendAndWait(device, irp, &event);
    IoFreeIrp(irp);
}
