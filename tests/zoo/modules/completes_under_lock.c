// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes its detach holding the lock that its cleanup callback takes.

#include "module.h"

void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = binding->Handle;
    WRONG(if (last) DETACH_COMPLETE(handle);)
    Release(irql);
    RIGHT(if (last) DETACH_COMPLETE(handle);)
}

void Cleanup(PVOID binding) {
    KIRQL irql = Acquire();
    Release(irql);
    Free(binding);
}
