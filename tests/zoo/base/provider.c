// SPDX-License-Identifier: MIT OR Apache-2.0
// A right provider of the Echo NPI.

#include "module.h"
#pragma clang attribute push(__attribute__((weak)), apply_to = function)

static const NPI_MODULEID Module = {
    sizeof(NPI_MODULEID), 1, {{0x2d1f2c91, 0x5b7a, 0x4f0e, {0x91, 0x3c, 6, 2, 8, 3, 1, 2}}}};
const PROVIDER_DISPATCH ProviderDispatch = {
    {sizeof(PROVIDER_DISPATCH), ECHO_VERSION, 0}, Received, NULL, NULL};
CHARACTERISTICS Characteristics = {
    0, sizeof(CHARACTERISTICS), Attach, Detach, Cleanup,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &EchoNpi, &Module, 0, &Minimum}};
REQUEST *Queue;

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
    return STATUS_SUCCESS;
}

// What the table has: the reply is there before the module's Submit, which may be of few lines.
NTSTATUS Received(PVOID context, REQUEST *request) {
    if (request->Header.Size >= sizeof(REQUEST) && request->Length <= MAX_PAYLOAD)
        Reply(request);
    return Submit(context, request);
}

void Reply(REQUEST *request) {
    for (ULONG i = 0; i < request->Length; i++)
        request->Reply[i] = request->Payload[i];
}

// Keeps three requests in four for the thread.
NTSTATUS Submit(PVOID context, REQUEST *request) {
    KIRQL irql;
    if (request->Header.Size < sizeof(REQUEST) || request->Length > MAX_PAYLOAD)
        return STATUS_INVALID_PARAMETER;
    if (!Enter(context))
        return STATUS_DEVICE_NOT_READY;
    if (request->Id % 4 == 0) {
        Leave(context);
        return STATUS_SUCCESS;
    }
    irql = Acquire();
    OF(request) = context;
    NEXT(request) = Queue;
    Queue = request;
    Release(irql);
    return STATUS_PENDING;
}

// Gives a request back, which ends the call that began with its Submit.
void Answer(REQUEST *request) {
    BINDING *binding = OF(request);
    const CLIENT_DISPATCH *table = binding->Table;
    request->Status = STATUS_SUCCESS;
    table->Complete(binding->Peer, request);
    Leave(binding);
}

// All that is queued, the oldest first: none waits for those that came later.
REQUEST *TakeQueue(void) {
    REQUEST *newest, *oldest = NULL;
    KIRQL irql = Acquire();
    newest = Queue;
    Queue = NULL;
    Release(irql);
    while (newest) {
        REQUEST *request = newest;
        newest = NEXT(request);
        NEXT(request) = oldest;
        oldest = request;
    }
    return oldest;
}

void Turn(void) {
    REQUEST *request = TakeQueue();
    while (request) {
        // Once answered it is the client's.
        REQUEST *next = NEXT(request);
        Answer(request);
        request = next;
    }
}

#pragma clang attribute pop
