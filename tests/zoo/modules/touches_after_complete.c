// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads its binding after it has completed the detach.

#include "module.h"

void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    Release(irql);
    if (last)
        DETACH_COMPLETE(binding->Handle);
    WRONG(if (binding->InFlight < 0) DbgPrint("unbalanced\n");)
}
