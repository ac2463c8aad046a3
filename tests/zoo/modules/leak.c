// SPDX-License-Identifier: MIT OR Apache-2.0
// Leaves a block of pool behind.

#include "module.h"

void AtUnload(void) {
    PVOID block = Allocate(100);
    RIGHT(if (block) Free(block);)
}
