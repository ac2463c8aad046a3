// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters from Winsock Kernel in the callback of its socket.

#define OWN_ON_DATAGRAM
#include "sockets.h"

static volatile LONG IsOver;

static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data) {
    if (!__atomic_exchange_n(&IsOver, 1, __ATOMIC_SEQ_CST)) {
        WRONG(WskDeregister(&Network);)
    }
    return STATUS_SUCCESS;
}

void AtUnload(void) {
    CloseSocket();
    IoFreeIrp(CloseRequest);
    WskReleaseProviderNPI(&Network);
    RIGHT(WskDeregister(&Network);)
    WRONG(if (!IsOver) WskDeregister(&Network);)
}
