// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a block twice.

#include "module.h"

void AtUnload(void) {
    PVOID block = Allocate(100);
    Free(block);
    WRONG(Free(block);)
}
