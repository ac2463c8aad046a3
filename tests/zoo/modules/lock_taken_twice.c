// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes a spin lock that it holds.

#include "module.h"

static LONG Calls;

static void Count(void) {
    KIRQL irql = Acquire();
    Calls++;
    Release(irql);
}

void AtUnload(void) {
    KIRQL irql = Acquire();
    WRONG(Count(); Release(irql);)
    RIGHT(Release(irql); Count();)
}
