// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees the buffer of WskReceiveFrom when it has waited long enough.

#define OWN_ON_DATAGRAM
#include "sockets.h"

static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data) {
    return STATUS_DATA_NOT_ACCEPTED;
}

static void Receive(void) {
    LARGE_INTEGER a_while = {.QuadPart = -100};
    KEVENT event;
    PIRP irp = NewRequest(&event);
    UCHAR *bytes = Allocate(64);
    MDL *mdl = bytes ? IoAllocateMdl(bytes, 64, FALSE, FALSE, NULL) : NULL;
    if (mdl && irp) {
        WSK_BUF buffer = {mdl, 0, 64};
        MmBuildMdlForNonPagedPool(mdl);
        TableOf(Socket)->WskReceiveFrom(Socket, &buffer, 0, NULL, NULL, NULL, NULL, irp);
        if (KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &a_while) != STATUS_SUCCESS) {
            WRONG(IoFreeMdl(mdl); mdl = NULL;)
            IoCancelIrp(irp);
            KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        }
    }
    if (irp)
        IoFreeIrp(irp);
    if (mdl)
        IoFreeMdl(mdl);
    if (bytes)
        Free(bytes);
}

void Turn(void) { Receive(); }

void AtUnload(void) {
    CloseSocket();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
