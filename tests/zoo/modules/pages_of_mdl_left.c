// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees an MDL from MmAllocatePagesForMdlEx, and not its pages.

#include "module.h"
#include <ntddk.h>

void AtUnload(void) {
    PHYSICAL_ADDRESS low = {.QuadPart = 0}, high = {.QuadPart = -1}, skip = {.QuadPart = 0};
    MDL *mdl = MmAllocatePagesForMdlEx(low, high, skip, 3 * PAGE_SIZE, MmCached, MM_DONT_ZERO_ALLOCATION);
    UCHAR *mapped;
    if (!mdl)
        return;
    mapped = MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
    if (mapped) {
        mapped[MmGetMdlByteCount(mdl) - 1] = 1;
        MmUnmapLockedPages(mapped, mdl);
    }
    RIGHT(MmFreePagesFromMdl(mdl);)
    ExFreePool(mdl);
}
