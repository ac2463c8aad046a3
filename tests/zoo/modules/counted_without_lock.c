// SPDX-License-Identifier: MIT OR Apache-2.0
// Counts calls up in its thread and down in the peer's, by plain additions without the lock.

#include "module.h"

static volatile LONG Outstanding;

static void Add(LONG change) {
    RIGHT(KIRQL irql = Acquire();)
    Outstanding += change;
    RIGHT(Release(irql);)
}

void Turn(void) {
    KIRQL irql = Acquire();
    BINDING *binding = Bindings;
    if (binding)
        binding->InFlight++;
    Release(irql);
    if (!binding)
        return;
    Add(1);
    Call(binding);
}

void Complete(PVOID binding, REQUEST *request) {
    Add(-1);
    Free(request);
    Leave(binding);
}
