// SPDX-License-Identifier: MIT OR Apache-2.0
// Lets its thread use a binding before it has the provider's table.

#include "module.h"

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    NTSTATUS status;
    BINDING *binding;
    (void)context;
    if (!Fits(peer))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    WRONG(Publish(binding);)
    status = NmrClientAttachProvider(handle, binding, &ClientDispatch, &binding->Peer,
                                     &binding->Table);
    if (!NT_SUCCESS(status)) {
        WRONG(Withdraw(binding);)
        Free(binding);
    } else {
        RIGHT(Publish(binding);)
    }
    return status;
}
