// SPDX-License-Identifier: MIT OR Apache-2.0
// Completes its detach with the handle of its registration.

#include "module.h"

void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    HANDLE handle = WRONG(Registration) RIGHT(binding->Handle);
    Release(irql);
    if (last)
        DETACH_COMPLETE(handle);
}
