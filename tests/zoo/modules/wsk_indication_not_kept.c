// SPDX-License-Identifier: MIT OR Apache-2.0
// Hands a data indication to its thread, which releases it, and does not say that it keeps it.

#define OWN_ON_DATAGRAM
#include "sockets.h"

static PWSK_DATAGRAM_INDICATION Queued;

static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data) {
    PWSK_DATAGRAM_INDICATION none = NULL;
    if (!data || !__atomic_compare_exchange_n(&Queued, &none, data, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return STATUS_SUCCESS;
    return RIGHT(STATUS_PENDING) WRONG(STATUS_SUCCESS);
}

static void ReleaseQueued(void) {
    PWSK_DATAGRAM_INDICATION data = __atomic_exchange_n(&Queued, NULL, __ATOMIC_SEQ_CST);
    if (data)
        TableOf(Socket)->WskRelease(Socket, data);
}

void Turn(void) {
    SendSome();
    ReleaseQueued();
}

void AtUnload(void) {
    DisableCallback();
    ReleaseQueued();
    CloseSocket();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
