// SPDX-License-Identifier: MIT OR Apache-2.0
// Asks for the name of an address, and frees the string for it without waiting for the request.

#include "sockets.h"

static void FindName(void) {
    SOCKADDR_IN address = {AF_INET};
    KEVENT event;
    PIRP irp = NewRequest(&event);
    UCHAR *text = Allocate(128);
    UNICODE_STRING name = {0, 128, (PWSTR)text};
    if (text && irp) {
        Npi.Dispatch->WskGetNameInfo(Npi.Client, (PSOCKADDR)&address, sizeof(address), &name, NULL, 0, NULL, NULL, irp);
        WRONG(Free(text); text = NULL;)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    }
    if (irp)
        IoFreeIrp(irp);
    if (text)
        Free(text);
}

void Turn(void) { FindName(); }

void AtUnload(void) {
    CloseSocket();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
