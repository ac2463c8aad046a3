// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not release its remove lock on one path: the removal waits without end.

#include "module.h"
#include <ntddk.h>

static IO_REMOVE_LOCK Removal;

static NTSTATUS Use(ULONG length) {
    NTSTATUS status = IoAcquireRemoveLock(&Removal, NULL);
    if (!NT_SUCCESS(status))
        return status;
    if (length == 0) {
        RIGHT(IoReleaseRemoveLock(&Removal, NULL);)
        return STATUS_INVALID_PARAMETER;
    }
    IoReleaseRemoveLock(&Removal, NULL);
    return STATUS_SUCCESS;
}

void AtUnload(void) {
    IoInitializeRemoveLock(&Removal, TAG, 0, 0);
    Use(1);
    Use(0);
    if (NT_SUCCESS(IoAcquireRemoveLock(&Removal, Thread)))
        IoReleaseRemoveLockAndWait(&Removal, Thread);
}
