// SPDX-License-Identifier: MIT OR Apache-2.0
// Allocates a copy of a program's buffer, and does not free it if the buffer is not there.

#include "module.h"

static NTSTATUS Copy(volatile UCHAR *buffer, SIZE_T length) {
    UCHAR *copy = ExAllocatePool2(NON_PAGED, length, TAG);
    if (!copy)
        return STATUS_INSUFFICIENT_RESOURCES;
    __try {
        ProbeForWrite(buffer, length, 1);
        for (SIZE_T index = 0; index < length; index++)
            copy[index] = buffer[index];
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        RIGHT(ExFreePoolWithTag(copy, TAG);)
        return GetExceptionCode();
    }
    ExFreePoolWithTag(copy, TAG);
    return STATUS_SUCCESS;
}

void AtUnload(void) { Copy((volatile UCHAR *)0x10000, 64); }
