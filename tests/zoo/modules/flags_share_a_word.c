// SPDX-License-Identifier: MIT OR Apache-2.0
// Changes a bit under the lock, and another bit of the same word without it.

#include "module.h"

static struct {
    UCHAR Called : 1;
    UCHAR Completed : 1;
} Flags;

void Turn(void) {
    KIRQL irql = Acquire();
    BINDING *binding = Bindings;
    Flags.Called = 1;
    if (binding)
        binding->InFlight++;
    Release(irql);
    if (binding)
        Call(binding);
}

void Complete(PVOID binding, REQUEST *request) {
    RIGHT(KIRQL irql = Acquire();)
    Flags.Completed = 1;
    RIGHT(Release(irql);)
    Free(request);
    Leave(binding);
}
