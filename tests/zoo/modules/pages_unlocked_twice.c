// SPDX-License-Identifier: MIT OR Apache-2.0
// Unlocks the pages of an MDL twice.

#include "module.h"
#include <ntddk.h>

static void Finish(MDL *mdl) {
    MmUnlockPages(mdl);
    IoFreeMdl(mdl);
}

void AtUnload(void) {
    static UCHAR buffer[64];
    MDL *mdl = IoAllocateMdl(buffer, sizeof(buffer), FALSE, FALSE, NULL);
    if (!mdl)
        return;
    MmProbeAndLockPages(mdl, KernelMode, IoReadAccess);
    WRONG(MmUnlockPages(mdl);)
    Finish(mdl);
}
