// SPDX-License-Identifier: MIT OR Apache-2.0
// Sends a second datagram with the IRP of the first one, which is pending.

#include "sockets.h"

static void Send(void) {
    static UCHAR bytes[16];
    KEVENT event;
    PIRP irp = NewRequest(&event);
    MDL *mdl = IoAllocateMdl(bytes, sizeof(bytes), FALSE, FALSE, NULL);
    if (mdl && irp) {
        WSK_BUF buffer = {mdl, 0, sizeof(bytes)};
        MmBuildMdlForNonPagedPool(mdl);
        SendTo(&buffer, irp);
        RIGHT(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);)
        RIGHT(IoReuseIrp(irp, STATUS_SUCCESS);)
        RIGHT(KeInitializeEvent(&event, NotificationEvent, FALSE);)
        RIGHT(IoSetCompletionRoutine(irp, OnDone, &event, TRUE, TRUE, TRUE);)
        SendTo(&buffer, irp);
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    }
    if (irp)
        IoFreeIrp(irp);
    if (mdl)
        IoFreeMdl(mdl);
}

void Turn(void) { Send(); }

void AtUnload(void) {
    CloseSocket();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
