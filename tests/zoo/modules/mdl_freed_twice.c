// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees an MDL on the path of an error, and once more at the end.

#include "module.h"
#include <ntddk.h>

void AtUnload(void) {
    static UCHAR buffer[64];
    BOOLEAN describes;
    MDL *mdl = IoAllocateMdl(buffer, sizeof(buffer), FALSE, FALSE, NULL);
    if (!mdl)
        return;
    describes = MmGetMdlByteCount(mdl) > sizeof(buffer);
    if (!describes) {
        WRONG(IoFreeMdl(mdl);)
    }
    IoFreeMdl(mdl);
}
