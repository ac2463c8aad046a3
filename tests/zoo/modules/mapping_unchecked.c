// SPDX-License-Identifier: MIT OR Apache-2.0
// Uses the mapping of an MDL without checking for NULL.

#include "module.h"
#include <ntddk.h>

static void Use(MDL *mdl) {
    volatile UCHAR *bytes = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute);
    RIGHT(if (bytes))
        bytes[0] = 1;
}

void AtUnload(void) {
    UCHAR *buffer = Allocate(64);
    MDL *mdl = buffer ? IoAllocateMdl(buffer, 64, FALSE, FALSE, NULL) : NULL;
    if (mdl) {
        MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
        Use(mdl);
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
    }
    if (buffer)
        Free(buffer);
}
