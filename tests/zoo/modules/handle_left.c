// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not close the handle of its thread.

#include "module.h"

NTSTATUS StartThread(void) {
    HANDLE handle;
    NTSTATUS status = PsCreateSystemThread(&handle, 0x1FFFFF, NULL, NULL, NULL, Work, NULL);
    if (!NT_SUCCESS(status))
        return status;
    ObReferenceObjectByHandle(handle, 0x1FFFFF, NULL, 0, &Thread, NULL);
    RIGHT(ZwClose(handle);)
    return STATUS_SUCCESS;
}
