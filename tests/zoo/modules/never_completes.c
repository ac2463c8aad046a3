// SPDX-License-Identifier: MIT OR Apache-2.0
// Pends its detach and never completes it.

#include "module.h"

void Leave(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN last = --binding->InFlight == 0 && binding->Detaching;
    Release(irql);
    RIGHT(if (last) DETACH_COMPLETE(binding->Handle);)
}
