// SPDX-License-Identifier: MIT OR Apache-2.0
// Uses the mapping of an MDL whose pages are unlocked.

#include "module.h"
#include <ntddk.h>

static void Touch(volatile UCHAR *bytes) { bytes[0] = 1; }

static void Use(MDL *mdl) {
    UCHAR *bytes = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute);
    RIGHT(if (bytes)
        Touch(bytes);)
    MmUnlockPages(mdl);
    WRONG(if (bytes)
        Touch(bytes);)
}

void AtUnload(void) {
    UCHAR *buffer = Allocate(0x1800);
    MDL *mdl = buffer ? IoAllocateMdl(buffer, 0x1800, FALSE, FALSE, NULL) : NULL;
    if (mdl) {
        MmProbeAndLockPages(mdl, KernelMode, IoWriteAccess);
        Use(mdl);
        IoFreeMdl(mdl);
    }
    if (buffer)
        Free(buffer);
}
