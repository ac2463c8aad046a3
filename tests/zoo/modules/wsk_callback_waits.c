// SPDX-License-Identifier: MIT OR Apache-2.0
// Its callback, which may run at DISPATCH_LEVEL, waits until its answer is sent.

#define OWN_ON_DATAGRAM
#include "sockets.h"

static NTSTATUS OnSent(PDEVICE_OBJECT device, PIRP irp, PVOID context) {
    IoFreeIrp(irp);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void Answer(WSK_BUF *buffer, PSOCKADDR to) {
    KEVENT event;
    PIRP irp = NewRequest(&event);
    if (!irp)
        return;
    RIGHT(IoSetCompletionRoutine(irp, OnSent, NULL, TRUE, TRUE, TRUE);)
    TableOf(Socket)->WskSendTo(Socket, buffer, 0, to, 0, NULL, irp);
    WRONG(Finish(irp, &event, NULL);)
}

static UCHAR Reply[8];
static MDL *Described;

static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data) {
    WSK_BUF buffer = {Described, 0, sizeof(Reply)};
    if (Described && data)
        Answer(&buffer, data->RemoteAddress);
    return STATUS_SUCCESS;
}

void Turn(void) {
    if (!Described) {
        MDL *mdl = IoAllocateMdl(Reply, sizeof(Reply), FALSE, FALSE, NULL);
        if (mdl)
            MmBuildMdlForNonPagedPool(mdl);
        __atomic_store_n(&Described, mdl, __ATOMIC_SEQ_CST);
    }
}

void AtUnload(void) {
    DisableCallback();
    CloseSocket();
    IoFreeIrp(CloseRequest);
    if (Described)
        IoFreeMdl(Described);
    CloseNetwork();
}
