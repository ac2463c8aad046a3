// SPDX-License-Identifier: MIT OR Apache-2.0
// Calls NmrClientAttachProvider again after it has succeeded.

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
    status = NmrClientAttachProvider(handle, binding, &ClientDispatch, &binding->Peer,
                                     &binding->Table);
    if (!NT_SUCCESS(status)) {
        Free(binding);
    } else {
        WRONG(NmrClientAttachProvider(handle, binding, &ClientDispatch, &binding->Peer,
                                      &binding->Table);)
        Publish(binding);
    }
    return status;
}
