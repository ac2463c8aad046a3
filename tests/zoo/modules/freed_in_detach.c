// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees its binding in the detach callback, while the client may still call.

#include "module.h"

NTSTATUS Detach(PVOID context) {
    BOOLEAN busy = Withdraw(context);
    WRONG(if (!busy) Free(context);)
    return busy ? STATUS_PENDING : STATUS_SUCCESS;
}

void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = binding->Handle;
    Release(irql);
    WRONG(if (last) Free(binding);)
    if (last)
        DETACH_COMPLETE(handle);
}

void Cleanup(PVOID binding) {
    RIGHT(Free(binding);)
}
