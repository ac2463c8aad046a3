// SPDX-License-Identifier: MIT OR Apache-2.0
// Goes on calling after its detach.

#include "module.h"

static BINDING *Last;

void Publish(BINDING *binding) {
    KIRQL irql = Acquire();
    Last = Bindings = binding;
    Release(irql);
}

BOOLEAN Withdraw(BINDING *binding) {
    KIRQL irql = Acquire();
    BOOLEAN busy = binding->InFlight > 0;
    binding->Detaching = TRUE;
    RIGHT(if (Last == binding) Last = NULL;)
    Release(irql);
    return busy;
}

void Turn(void) {
    KIRQL irql = Acquire();
    BINDING *binding = Last;
    if (binding)
        binding->InFlight++;
    Release(irql);
    if (binding)
        Call(binding);
}
