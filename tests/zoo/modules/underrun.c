// SPDX-License-Identifier: MIT OR Apache-2.0
// Writes before the start of a block.

#include "module.h"

void AtUnload(void) {
    UCHAR *volatile block = Allocate(48);
    if (!block)
        return;
    block[RIGHT(0) WRONG(-1)] = 1;
    Free(block);
}
