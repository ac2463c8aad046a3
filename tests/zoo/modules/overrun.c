// SPDX-License-Identifier: MIT OR Apache-2.0
// Writes a byte beyond the end of a block.

#include "module.h"

void AtUnload(void) {
    volatile UCHAR *block = Allocate(100);
    block[WRONG(100) RIGHT(99)] = 1;
    Free((PVOID)block);
}
