// SPDX-License-Identifier: MIT OR Apache-2.0
// Submits many requests at a time, more than a provider keeps, and waits for none.

#include "module.h"

#define MANY 200

void Turn(void) {
    for (ULONG i = 0; i < MANY; i++) {
        KIRQL irql = Acquire();
        BINDING *binding = Bindings;
        if (binding)
            binding->InFlight++;
        Release(irql);
        if (!binding)
            return;
        Call(binding);
    }
}
