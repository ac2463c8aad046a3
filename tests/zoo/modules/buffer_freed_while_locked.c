// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a buffer before it unlocks the pages.

#include "module.h"
#include <ntddk.h>

void AtUnload(void) {
    UCHAR *buffer = ExAllocatePool2(PAGEABLE, 64, TAG);
    MDL *mdl = buffer ? IoAllocateMdl(buffer, 64, FALSE, FALSE, NULL) : NULL;
    if (!mdl) {
        if (buffer)
            Free(buffer);
        return;
    }
    MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
    WRONG(Free(buffer);)
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
    RIGHT(Free(buffer);)
}
