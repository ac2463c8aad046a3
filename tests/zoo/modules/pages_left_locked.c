// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads with pages locked.

#include "module.h"
#include <ntddk.h>

static UCHAR Buffer[64];
static MDL *Mdl;

static void LockPages(void) {
    Mdl = IoAllocateMdl(Buffer, sizeof(Buffer), FALSE, FALSE, NULL);
    if (Mdl)
        MmProbeAndLockPages(Mdl, KernelMode, IoWriteAccess);
}

void AtUnload(void) {
    LockPages();
    RIGHT(if (Mdl) {
        MmUnlockPages(Mdl);
        IoFreeMdl(Mdl);
    })
}
