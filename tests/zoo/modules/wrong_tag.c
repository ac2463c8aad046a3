// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a block with a tag that is not the block's.

#include "module.h"

void AtUnload(void) {
    PVOID block = Allocate(100);
    ExFreePoolWithTag(block, WRONG('gnrW') RIGHT(TAG));
}
