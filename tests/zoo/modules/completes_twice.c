// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes its detach twice.

#include "module.h"

void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = binding->Handle;
    Release(irql);
    if (last) {
        DETACH_COMPLETE(handle);
        WRONG(DETACH_COMPLETE(handle);)
    }
}
