// SPDX-License-Identifier: MIT OR Apache-2.0
// Writes to a block it has freed.

#include "module.h"

void AtUnload(void) {
    volatile UCHAR *block = Allocate(100);
    RIGHT(*block = 1;)
    Free((PVOID)block);
    WRONG(*block = 1;)
}
