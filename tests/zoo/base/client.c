// SPDX-License-Identifier: MIT OR Apache-2.0
// A right client of the Echo NPI.

#include "module.h"
#pragma clang attribute push(__attribute__((weak)), apply_to = function)

static const NPI_MODULEID Module = {
    sizeof(NPI_MODULEID), 1, {{0x2d1f2c91, 0x5b7a, 0x4f0e, {0x91, 0x3c, 6, 2, 8, 3, 1, 1}}}};
const CLIENT_DISPATCH ClientDispatch = {
    {sizeof(CLIENT_DISPATCH), ECHO_VERSION, 0}, Complete, NULL};
CHARACTERISTICS Characteristics = {
    0, sizeof(CHARACTERISTICS), Attach, Detach, Cleanup,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &EchoNpi, &Module, 0, &Minimum}};

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    BINDING *binding;
    NTSTATUS status;
    (void)context;
    if (!Fits(peer))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = NmrClientAttachProvider(handle, binding, &ClientDispatch, &binding->Peer,
                                     &binding->Table);
    if (NT_SUCCESS(status))
        Publish(binding);
    else
        Free(binding);
    return status;
}

// A request through a binding that Enter has let in. What Complete ends is one
// part of the call; the other is inside the provider, and ends here.
void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    REQUEST *request = Allocate(sizeof(REQUEST));
    if (!request) {
        Leave(binding);
        return;
    }
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    request->Id = (ULONGLONG)request >> 12;
    request->Length = 8;
    Again(binding);
    // A request that pends is not ours any more.
    if (table->Submit(binding->Peer, request) != STATUS_PENDING) {
        Free(request);
        Leave(binding);
    }
    Leave(binding);
}

void Complete(PVOID binding, REQUEST *request) {
    Free(request);
    Leave(binding);
}

// A request to the peer that came last.
void CallNewest(void) {
    KIRQL irql = Acquire();
    BINDING *binding = Bindings;
    if (binding)
        binding->InFlight++;
    Release(irql);
    if (binding)
        Call(binding);
}

void Turn(void) { CallNewest(); }

#pragma clang attribute pop
