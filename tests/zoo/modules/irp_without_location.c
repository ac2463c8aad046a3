// SPDX-License-Identifier: MIT OR Apache-2.0
// Allocates its request with too few stack locations.

#include "sends.h"

void Ask(PDEVICE_OBJECT device, PFILE_OBJECT file) {
    UCHAR status[64];
    KEVENT event;
    PIRP irp = IoAllocateIrp(WRONG(0) RIGHT(device->StackSize), FALSE);
    if (!irp)
        return;
    WRONG((void)file; (void)status;)
    RIGHT(Prepare(irp, file, status, sizeof(status));)
    WRONG(KeInitializeEvent(&event, NotificationEvent, FALSE);
          IoCallDriver(device, irp);)
    RIGHT(SendAndWait(device, irp, &event);)
    IoFreeIrp(irp);
}
