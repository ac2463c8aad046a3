// SPDX-License-Identifier: MIT OR Apache-2.0
// Sends two datagrams with one request, and frees the second one's MDL before it is complete.

#include "sockets.h"

static MDL *Describe(UCHAR *bytes) {
    MDL *mdl = IoAllocateMdl(bytes, 16, FALSE, FALSE, NULL);
    if (mdl)
        MmBuildMdlForNonPagedPool(mdl);
    return mdl;
}

static void Send(void) {
    static UCHAR bytes[2][16];
    SOCKADDR_IN echo = {AF_INET, 0x0700};
    KEVENT event;
    PIRP irp = NewRequest(&event);
    MDL *first = Describe(bytes[0]), *second = Describe(bytes[1]);
    echo.sin_addr.s_addr = 0x0100007f;
    if (first && second && irp) {
        WSK_BUF_LIST last = {NULL, {second, 0, 16}}, list = {&last, {first, 0, 16}};
        TableOf(Socket)->WskSendMessages(Socket, &list, 0, (PSOCKADDR)&echo, 0, NULL, irp);
        WRONG(IoFreeMdl(second); second = NULL;)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    }
    if (irp)
        IoFreeIrp(irp);
    if (first)
        IoFreeMdl(first);
    if (second)
        IoFreeMdl(second);
}

void Turn(void) { Send(); }

void AtUnload(void) {
    CloseSocket();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
