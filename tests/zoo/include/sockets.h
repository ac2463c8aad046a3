// SPDX-License-Identifier: MIT OR Apache-2.0
// A client with a datagram socket of Winsock Kernel, from Start to AtUnload.

#pragma once
#include "module.h"
#include <wsk.h>

typedef CONST WSK_PROVIDER_DATAGRAM_DISPATCH *TABLE;
static WSK_REGISTRATION Network;
static WSK_PROVIDER_NPI Npi;
static PWSK_SOCKET Socket;
static const WSK_CLIENT_DISPATCH Version = {MAKE_WSK_VERSION(1, 0)};
INLINE TABLE TableOf(PWSK_SOCKET socket) { return socket->Dispatch; }

// What a module defines: the socket's callback, or one that takes what arrives.
static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data);
#ifndef OWN_ON_DATAGRAM
static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data) { return STATUS_SUCCESS; }
#endif
static const WSK_CLIENT_DATAGRAM_DISPATCH Callbacks = {OnDatagram};

static NTSTATUS OnDone(PDEVICE_OBJECT device, PIRP irp, PVOID event) {
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

// A request that sets the event when it is complete.
INLINE PIRP NewRequest(KEVENT *event) {
    PIRP irp = IoAllocateIrp(1, FALSE);
    if (irp) {
        KeInitializeEvent(event, NotificationEvent, FALSE);
        IoSetCompletionRoutine(irp, OnDone, event, TRUE, TRUE, TRUE);
    }
    return irp;
}

// Waits for the request, whose call returned `status`, and frees it.
INLINE NTSTATUS Finish(PIRP irp, KEVENT *event, ULONG_PTR *information) {
    NTSTATUS status;
    KeWaitForSingleObject(event, Executive, KernelMode, FALSE, NULL);
    status = irp->IoStatus.Status;
    if (information)
        *information = irp->IoStatus.Information;
    IoFreeIrp(irp);
    return status;
}

static NTSTATUS OpenNetwork(void) {
    WSK_CLIENT_NPI client = {NULL, &Version};
    NTSTATUS status = WskRegister(&client, &Network);
    if (!NT_SUCCESS(status))
        return status;
    status = WskCaptureProviderNPI(&Network, WSK_INFINITE_WAIT, &Npi);
    if (!NT_SUCCESS(status))
        WskDeregister(&Network);
    return status;
}

static NTSTATUS MakeSocket(PVOID context) {
    ULONG_PTR made;
    KEVENT event;
    NTSTATUS status;
    PIRP irp = NewRequest(&event);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    Npi.Dispatch->WskSocket(Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, context,
                            &Callbacks, NULL, NULL, NULL, irp);
    status = Finish(irp, &event, &made);
    if (NT_SUCCESS(status))
        Socket = (PWSK_SOCKET)made;
    return status;
}

static NTSTATUS BindSocket(void) {
    SOCKADDR_IN any = {AF_INET};
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM};
    KEVENT event;
    NTSTATUS status;
    PIRP irp = NewRequest(&event);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    TableOf(Socket)->WskBind(Socket, (PSOCKADDR)&any, 0, irp);
    status = Finish(irp, &event, NULL);
    if (!NT_SUCCESS(status))
        return status;
    return TableOf(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                             sizeof(control), &control, 0, NULL, NULL, NULL);
}

// There must be a request for the close: it is allocated with the socket.
static PIRP CloseRequest;
static KEVENT Closed;
static void CloseSocket(void) {
    IoReuseIrp(CloseRequest, STATUS_SUCCESS);
    IoSetCompletionRoutine(CloseRequest, OnDone, &Closed, TRUE, TRUE, TRUE);
    TableOf(Socket)->WskCloseSocket(Socket, CloseRequest);
    KeWaitForSingleObject(&Closed, Executive, KernelMode, FALSE, NULL);
}

// Disables the callback: when this has returned, no call of it is under way.
static void DisableCallback(void) {
    WSK_EVENT_CALLBACK_CONTROL control = {&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE};
    KEVENT disabled;
    IoReuseIrp(CloseRequest, STATUS_SUCCESS);
    KeInitializeEvent(&disabled, NotificationEvent, FALSE);
    IoSetCompletionRoutine(CloseRequest, OnDone, &disabled, TRUE, TRUE, TRUE);
    TableOf(Socket)->WskControlSocket(Socket, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, sizeof(control),
                                      &control, 0, NULL, NULL, CloseRequest);
    KeWaitForSingleObject(&disabled, Executive, KernelMode, FALSE, NULL);
}

static void CloseNetwork(void) {
    WskReleaseProviderNPI(&Network);
    WskDeregister(&Network);
}

// The socket, bound and with its callback enabled.
static NTSTATUS OpenSocket(PVOID context) {
    NTSTATUS status;
    CloseRequest = IoAllocateIrp(1, FALSE);
    if (!CloseRequest)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeEvent(&Closed, NotificationEvent, FALSE);
    status = MakeSocket(context);
    if (NT_SUCCESS(status) && !NT_SUCCESS(status = BindSocket()))
        CloseSocket();
    if (!NT_SUCCESS(status))
        IoFreeIrp(CloseRequest);
    return status;
}

// A datagram to a port of this machine, at which something answers. The buffer is the caller's
// until the request is complete.
INLINE void SendTo(WSK_BUF *buffer, PIRP irp) {
    static SOCKADDR_IN echo = {AF_INET, 0x0700};
    echo.sin_addr.s_addr = 0x0100007f;
    TableOf(Socket)->WskSendTo(Socket, buffer, 0, (PSOCKADDR)&echo, 0, NULL, irp);
}

// Sends eight bytes.
static void SendSome(void) {
    static UCHAR bytes[8];
    KEVENT event;
    PIRP irp = NewRequest(&event);
    MDL *mdl = IoAllocateMdl(bytes, sizeof(bytes), FALSE, FALSE, NULL);
    if (mdl && irp) {
        WSK_BUF buffer = {mdl, 0, sizeof(bytes)};
        MmBuildMdlForNonPagedPool(mdl);
        SendTo(&buffer, irp);
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    }
    if (irp)
        IoFreeIrp(irp);
    if (mdl)
        IoFreeMdl(mdl);
}

// A module that has a life of its own defines OWN_LIFE.
#ifndef OWN_LIFE
NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = OpenNetwork();
    driver->DriverUnload = Unload;
    if (!NT_SUCCESS(status))
        return status;
    status = OpenSocket(NULL);
    if (!NT_SUCCESS(status)) {
        CloseNetwork();
        return status;
    }
    status = StartWork();
    if (!NT_SUCCESS(status))
        AtUnload();
    return status;
}
#endif
