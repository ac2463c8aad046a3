// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks at a flag and then counts the call, each atomic, but not both together.

#include "module.h"

static LONG Turns;

void Turn(void) {
    BINDING *binding;
    WRONG(binding = *(BINDING *volatile *)&Bindings;
          if (!binding || binding->Detaching) return;
          // The race is here, and there is no call in it.
          __sync_fetch_and_add(&Turns, 1);
          __sync_fetch_and_add(&binding->InFlight, 1);)
    RIGHT(KIRQL irql = Acquire();
          binding = Bindings;
          if (binding) binding->InFlight++;
          Release(irql);
          if (!binding) return;)
    Call(binding);
}

// Often, so that the moment is met soon.
void Work(PVOID context) {
    while (!Stop) {
        for (int i = 0; i < 16; i++)
            Turn();
        Sleep(20);
    }
}
