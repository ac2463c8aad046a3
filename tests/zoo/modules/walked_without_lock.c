// SPDX-License-Identifier: MIT OR Apache-2.0
// Walks the list of bindings without the lock, while a detach takes one from it and frees it.

#include "module.h"

static volatile LONG Busy;

static void CountBusy(void) {
    RIGHT(KIRQL irql = Acquire();)
    for (BINDING *binding = Bindings; binding; binding = binding->Next)
        if (binding->InFlight > 0)
            Busy = 1;
    RIGHT(Release(irql);)
}

void Turn(void) {
    REQUEST *request = TakeQueue();
    CountBusy();
    while (request) {
        REQUEST *next = NEXT(request);
        Answer(request);
        request = next;
    }
}

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer, PVOID client,
                const void *dispatch, PVOID *mine, const void **table) {
    BINDING *binding;
    (void)context;
    if (!Fits(peer))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    binding->Peer = client;
    binding->Table = dispatch;
    *mine = binding;
    *table = &ProviderDispatch;
    Publish(binding);
    return STATUS_SUCCESS;
}
