// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits in its detach callback until its calls have ended. Its own thread may be in one of them:
// the last call out of the peer completes a detach, which may call this callback at once.

#include "module.h"

NTSTATUS Detach(PVOID context) {
    BINDING *binding = context;
    BOOLEAN busy = Withdraw(binding);
    WRONG(while (*(volatile LONG *)&binding->InFlight) Sleep(100); return STATUS_SUCCESS;)
    return busy ? STATUS_PENDING : STATUS_SUCCESS;
}

void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = binding->Handle;
    Release(irql);
    RIGHT(if (last) DETACH_COMPLETE(handle);)
}
