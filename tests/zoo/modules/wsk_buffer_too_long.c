// SPDX-License-Identifier: MIT OR Apache-2.0
// Sends more bytes than the MDL of its buffer describes.

#include "sockets.h"

static void Send(void) {
    static UCHAR bytes[16];
    KEVENT event;
    PIRP irp = NewRequest(&event);
    MDL *mdl = IoAllocateMdl(bytes, sizeof(bytes), FALSE, FALSE, NULL);
    if (mdl && irp) {
        WSK_BUF buffer = {mdl, 4, WRONG(sizeof(bytes)) RIGHT(sizeof(bytes) - 4)};
        MmBuildMdlForNonPagedPool(mdl);
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
