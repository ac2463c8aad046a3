// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a request that the I/O manager frees.

#include "sends.h"

void Ask(PDEVICE_OBJECT device, PFILE_OBJECT file) {
    UCHAR status[64];
    IO_STATUS_BLOCK block;
    KEVENT event;
    PIRP irp;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(QUERY_STATUS, device, NULL, 0, status, sizeof(status), FALSE,
                                        &event, &block);
    if (!irp)
        return;
    IoGetNextIrpStackLocation(irp)->FileObject = file;
    if (IoCallDriver(device, irp) == STATUS_PENDING)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    WRONG(IoFreeIrp(irp);)
}
