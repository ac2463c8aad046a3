// SPDX-License-Identifier: MIT OR Apache-2.0
// Writes far beyond the end of a block.

#include "module.h"

void AtUnload(void) {
    volatile UCHAR *block = Allocate(100);
    if (!block)
        return;
    block[WRONG(112) RIGHT(99)] = 1;
    Free((PVOID)block);
}
