// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads what its socket indicates, which is NULL once the socket is not functional any more.

#define OWN_ON_DATAGRAM
#include "sockets.h"

static volatile LONG Bytes;

static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data) {
    RIGHT(if (data))
        Bytes = (LONG)data->Buffer.Length;
    return STATUS_SUCCESS;
}

void Turn(void) { SendSome(); }

void AtUnload(void) {
    DisableCallback();
    CloseSocket();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
