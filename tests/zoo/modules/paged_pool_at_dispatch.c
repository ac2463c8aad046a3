// SPDX-License-Identifier: MIT OR Apache-2.0
// Allocates paged pool at DISPATCH_LEVEL.

#include "module.h"

void AtUnload(void) {
    KIRQL irql = Acquire();
    PVOID block = ExAllocatePool2(WRONG(PAGEABLE) RIGHT(NON_PAGED), 100, TAG);
    Release(irql);
    if (block)
        Free(block);
}
