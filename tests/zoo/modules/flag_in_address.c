// SPDX-License-Identifier: MIT OR Apache-2.0
// Keeps a flag in the address of a block, in a bit that pool promises nothing about: blocks
// are aligned to 16 bytes, not to 32.

#include "module.h"

#define FLAG WRONG(16ULL) RIGHT(8ULL)

void AtUnload(void) {
    ULONGLONG tagged = (ULONGLONG)Allocate(64);
    if (!tagged)
        return;
    tagged |= FLAG;
    Free((PVOID)(tagged & ~FLAG));
}
