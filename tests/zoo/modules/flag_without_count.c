// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks at a flag before each call and counts none.

#include "module.h"

void Turn(void) {
    KIRQL irql = Acquire();
    BINDING *binding = Bindings;
    RIGHT(if (binding) binding->InFlight++;)
    Release(irql);
    if (!binding || binding->Detaching) {
        RIGHT(if (binding) Leave(binding);)
        return;
    }
    Sleep(20);
    WRONG(binding->InFlight++;)
    Call(binding);
}
