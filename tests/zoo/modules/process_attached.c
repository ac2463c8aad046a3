// SPDX-License-Identifier: MIT OR Apache-2.0
// Returns from its attach callback attached to a process, when it cannot have a binding.

#include "module.h"
#include <ntifs.h>

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    PEPROCESS process = PsGetCurrentProcess();
    KAPC_STATE saved;
    BINDING *binding;
    NTSTATUS status;
    (void)context;
    KeStackAttachProcess(process, &saved);
    binding = Fits(peer) ? NewBinding(handle) : NULL;
    if (!binding) {
        RIGHT(KeUnstackDetachProcess(&saved);)
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    KeUnstackDetachProcess(&saved);
    status = NmrClientAttachProvider(handle, binding, &ClientDispatch, &binding->Peer, &binding->Table);
    if (NT_SUCCESS(status))
        Publish(binding);
    else
        Free(binding);
    return status;
}
