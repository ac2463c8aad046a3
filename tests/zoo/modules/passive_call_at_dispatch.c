// SPDX-License-Identifier: MIT OR Apache-2.0
// Closes a handle with a spin lock held.

#include "module.h"

NTSTATUS StartThread(void) {
    HANDLE handle;
    KIRQL irql;
    NTSTATUS status = PsCreateSystemThread(&handle, 0x1FFFFF, NULL, NULL, NULL, Work, NULL);
    if (!NT_SUCCESS(status))
        return status;
    ObReferenceObjectByHandle(handle, 0x1FFFFF, NULL, 0, &Thread, NULL);
    irql = Acquire();
    WRONG(ZwClose(handle);)
    Release(irql);
    RIGHT(ZwClose(handle);)
    return STATUS_SUCCESS;
}
