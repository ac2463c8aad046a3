// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not free its request.

#include "sends.h"

void Ask(PDEVICE_OBJECT device, PFILE_OBJECT file) {
    UCHAR status[64];
    KEVENT event;
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);
    if (!irp)
        return;
    Prepare(irp, file, status, sizeof(status));
    SendAndWait(device, irp, &event);
    RIGHT(IoFreeIrp(irp);)
}
