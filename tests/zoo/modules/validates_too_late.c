// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks at the provider after it has attached, and then rejects it.

#include "module.h"

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    NTSTATUS status;
    BINDING *binding;
    (void)context;
    RIGHT(if (peer->Number == 0) return STATUS_NOINTERFACE;)
    binding = NewBinding(handle);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = NmrClientAttachProvider(handle, binding, &ClientDispatch, &binding->Peer,
                                     &binding->Table);
    if (NT_SUCCESS(status) && peer->Number == 0)
        status = STATUS_NOINTERFACE;
    if (NT_SUCCESS(status))
        Publish(binding);
    else
        Free(binding);
    return status;
}
