// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees its request in the completion routine, and again where it was sent.

#define OWN_ON_DONE
#include "sends.h"

static NTSTATUS OnDone(PDEVICE_OBJECT device, PIRP irp, PVOID event) {
    (void)device;
    IoFreeIrp(irp);
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

void Ask(PDEVICE_OBJECT device, PFILE_OBJECT file) {
    UCHAR status[64];
    KEVENT event;
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);
    if (!irp)
        return;
    Prepare(irp, file, status, sizeof(status));
    SendAndWait(device, irp, &event);
    WRONG(IoFreeIrp(irp);)
}
