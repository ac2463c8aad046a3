// SPDX-License-Identifier: MIT OR Apache-2.0
// Has one request, and submits it again while an earlier call of it pends.

#include "module.h"

static REQUEST *Only;
static LONG Busy; // 1 while it is submitted

static BOOLEAN Take(void) { return __atomic_exchange_n(&Busy, 1, __ATOMIC_SEQ_CST) == 0; }
static void GiveBack(void) { __atomic_store_n(&Busy, 0, __ATOMIC_SEQ_CST); }

void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    if (RIGHT(!Take()) WRONG(FALSE)) {
        Leave(binding);
        return;
    }
    Only->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    Only->Id = 7;
    Only->Length = 8;
    Again(binding);
    if (table->Submit(binding->Peer, Only) != STATUS_PENDING) {
        GiveBack();
        Leave(binding);
    }
    Leave(binding);
}

void Complete(PVOID binding, REQUEST *request) {
    GiveBack();
    Leave(binding);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Only = Allocate(sizeof(REQUEST));
    if (!Only)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = StartWork();
    if (!NT_SUCCESS(status))
        Free(Only);
    return status;
}

void AtUnload(void) { Free(Only); }
