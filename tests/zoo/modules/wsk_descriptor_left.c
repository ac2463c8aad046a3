// SPDX-License-Identifier: MIT OR Apache-2.0
// Makes a socket with a cached security descriptor, which stays when the socket is closed.

#define OWN_LIFE
#include "sockets.h"

static ULONG_PTR Own[5] = {1}; // an absolute SECURITY_DESCRIPTOR of revision 1, which has nothing in it
static PSECURITY_DESCRIPTOR Cached;

static NTSTATUS CacheDescriptor(void) {
    PVOID own = Own;
    return Npi.Dispatch->WskControlClient(Npi.Client, WSK_CACHE_SD, sizeof(own), &own, sizeof(Cached), &Cached, NULL,
                                          NULL);
}

static void ReleaseDescriptor(void) {
    Npi.Dispatch->WskControlClient(Npi.Client, WSK_RELEASE_SD, sizeof(Cached), &Cached, 0, NULL, NULL, NULL);
}

static NTSTATUS MakeSecured(void) {
    ULONG_PTR made;
    KEVENT event;
    NTSTATUS status;
    PIRP irp = NewRequest(&event);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    Npi.Dispatch->WskSocket(Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, NULL, &Callbacks,
                            NULL, NULL, Cached, irp);
    status = Finish(irp, &event, &made);
    if (NT_SUCCESS(status))
        Socket = (PWSK_SOCKET)made;
    return status;
}

static NTSTATUS OpenSecured(void) {
    NTSTATUS status;
    CloseRequest = IoAllocateIrp(1, FALSE);
    if (!CloseRequest)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeEvent(&Closed, NotificationEvent, FALSE);
    status = CacheDescriptor();
    if (NT_SUCCESS(status) && !NT_SUCCESS(status = MakeSecured()))
        ReleaseDescriptor();
    if (!NT_SUCCESS(status))
        IoFreeIrp(CloseRequest);
    return status;
}

static void CloseSecured(void) {
    CloseSocket();
    RIGHT(ReleaseDescriptor();)
    IoFreeIrp(CloseRequest);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = OpenNetwork();
    driver->DriverUnload = Unload;
    if (!NT_SUCCESS(status))
        return status;
    status = OpenSecured();
    if (NT_SUCCESS(status)) {
        status = StartWork();
        if (NT_SUCCESS(status))
            return status;
        CloseSecured();
    }
    CloseNetwork();
    return status;
}

void AtUnload(void) {
    CloseSecured();
    CloseNetwork();
}
