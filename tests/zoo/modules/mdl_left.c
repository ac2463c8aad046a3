// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not free an MDL.

#include "module.h"
#include <ntddk.h>

static UCHAR *Buffer;
static MDL *Mdl;

static NTSTATUS Describe(void) {
    Buffer = Allocate(64);
    if (!Buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    Mdl = IoAllocateMdl(Buffer, 64, FALSE, FALSE, NULL);
    if (!Mdl) {
        Free(Buffer);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    MmBuildMdlForNonPagedPool(Mdl);
    return STATUS_SUCCESS;
}

void AtUnload(void) {
    if (!NT_SUCCESS(Describe()))
        return;
    RIGHT(IoFreeMdl(Mdl);)
    Free(Buffer);
}
