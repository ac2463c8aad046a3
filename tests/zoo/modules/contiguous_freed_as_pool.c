// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees contiguous memory as pool.

#include "module.h"
#include <ntddk.h>

void AtUnload(void) {
    PHYSICAL_ADDRESS highest = {.QuadPart = 0xFFFFFFFF};
    UCHAR *memory = MmAllocateContiguousMemory(100, highest);
    if (!memory)
        return;
    memory[99] = 1;
    WRONG(ExFreePool(memory);)
    RIGHT(MmFreeContiguousMemory(memory);)
}
