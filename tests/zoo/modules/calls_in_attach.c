// SPDX-License-Identifier: MIT OR Apache-2.0
// Calls the client before the binding is committed.

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
    WRONG(((const CLIENT_DISPATCH *)dispatch)->Notify(client, 1, 0);)
    return STATUS_SUCCESS;
}
