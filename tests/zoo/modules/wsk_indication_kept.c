// SPDX-License-Identifier: MIT OR Apache-2.0
// Keeps what has arrived last, and does not release it before it closes the socket.

#define OWN_ON_DATAGRAM
#include "sockets.h"

static PWSK_DATAGRAM_INDICATION Last;

static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data) {
    PWSK_DATAGRAM_INDICATION none = NULL;
    BOOLEAN keeps = data && __atomic_compare_exchange_n(&Last, &none, data, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return keeps ? STATUS_PENDING : STATUS_SUCCESS;
}

void AtUnload(void) {
    DisableCallback();
    RIGHT(if (Last) TableOf(Socket)->WskRelease(Socket, Last);)
    CloseSocket();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
