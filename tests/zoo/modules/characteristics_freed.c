// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees what it has registered before it has waited.

#include "module.h"

static CHARACTERISTICS *Copy;

NTSTATUS Register(void) {
    NTSTATUS status;
    Copy = Allocate(sizeof(*Copy));
    if (!Copy)
        return STATUS_INSUFFICIENT_RESOURCES;
    *Copy = Characteristics;
    status = REGISTER(Copy, NULL, &Registration);
    if (!NT_SUCCESS(status))
        Free(Copy);
    return status;
}

void Deregister(void) {
    NTSTATUS status = DEREGISTER(Registration);
    WRONG(Free(Copy);)
    if (status == STATUS_PENDING)
        WAIT(Registration);
    RIGHT(Free(Copy);)
}
