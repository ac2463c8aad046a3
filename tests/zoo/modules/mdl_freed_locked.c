// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees an MDL whose pages it has locked and not unlocked.

#include "module.h"
#include <ntddk.h>

void AtUnload(void) {
    UCHAR *buffer = ExAllocatePool2(PAGEABLE, 0x2000, TAG);
    MDL *mdl;
    if (!buffer)
        return;
    mdl = IoAllocateMdl(buffer, 0x2000, FALSE, FALSE, NULL);
    if (mdl) {
        MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
        RIGHT(MmUnlockPages(mdl);)
        IoFreeMdl(mdl);
    }
    Free(buffer);
}
