// SPDX-License-Identifier: MIT OR Apache-2.0
// Publishes its binding whatever NmrClientAttachProvider has answered.

#include "module.h"

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
    RIGHT(if (!NT_SUCCESS(status)) { Free(binding); return status; })
    Publish(binding);
    return status;
}
