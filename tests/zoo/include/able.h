// SPDX-License-Identifier: MIT OR Apache-2.0
// A provider that offers more than Submit: what is common to both sides, per binding. The
// module that includes this defines OFFERED, CANCEL and QUERY_STATISTICS.

#pragma once
#include "module.h"

typedef struct _ABLE_BINDING {
    BINDING Binding;
    ULONG Common;
    ULONGLONG Completed;
    BOOLEAN Cancelled;
} ABLE_BINDING;
#define ABLE(binding) ((ABLE_BINDING *)(binding))

static const ECHO_CHARACTERISTICS Able = ECHO_CHARACTERISTICS_INIT(OFFERED, 0);
static const PROVIDER_DISPATCH AbleDispatch = {
    {sizeof(PROVIDER_DISPATCH), ECHO_VERSION, 0}, Received, CANCEL, QUERY_STATISTICS};

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = Allocate(sizeof(ABLE_BINDING));
    if (binding)
        binding->Handle = handle;
    return binding;
}

NTSTATUS Register(void) {
    Characteristics.INSTANCE.NpiSpecificCharacteristics = &Able;
    return REGISTER(&Characteristics, NULL, &Registration);
}

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer, PVOID client,
                const void *dispatch, PVOID *mine, const void **table) {
    const ECHO_CHARACTERISTICS *theirs = peer->NpiSpecificCharacteristics;
    BINDING *binding;
    (void)context;
    if (!Fits(peer))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    binding->Peer = client;
    binding->Table = dispatch;
    ABLE(binding)->Common = Able.Offered & theirs->Offered;
    *mine = binding;
    *table = &AbleDispatch;
    return STATUS_SUCCESS;
}

// Gives a request back with this status, which ends the call that began with its Submit.
INLINE void Finish(REQUEST *request, NTSTATUS status) {
    BINDING *binding = OF(request);
    const CLIENT_DISPATCH *table = binding->Table;
    request->Status = status;
    table->Complete(binding->Peer, request);
}
