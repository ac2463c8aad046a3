// SPDX-License-Identifier: MIT OR Apache-2.0
// Builds an MDL as one of nonpaged pool, for a buffer in paged pool.

#include "module.h"
#include <ntddk.h>

void AtUnload(void) {
    UCHAR *buffer = ExAllocatePool2(WRONG(PAGEABLE) RIGHT(NON_PAGED), 64, TAG);
    MDL *mdl = buffer ? IoAllocateMdl(buffer, 64, FALSE, FALSE, NULL) : NULL;
    if (mdl) {
        MmBuildMdlForNonPagedPool(mdl);
        IoFreeMdl(mdl);
    }
    if (buffer)
        Free(buffer);
}
