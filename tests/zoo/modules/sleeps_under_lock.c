// SPDX-License-Identifier: MIT OR Apache-2.0
// Sleeps with a spin lock held.

#include "module.h"

BOOLEAN Enter(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN open = !binding->Detaching;
    WRONG(if (open) Sleep(1);)
    if (open)
        binding->InFlight++;
    Release(irql);
    return open;
}
