// SPDX-License-Identifier: MIT OR Apache-2.0
// Answers an attach with STATUS_PENDING.

#include "module.h"

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
    return WRONG(STATUS_PENDING) RIGHT(STATUS_SUCCESS);
}
