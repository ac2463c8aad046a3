// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not delete its lookaside list.

#include "module.h"

static LOOKASIDE_LIST_EX List;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = ExInitializeLookasideListEx(&List, NULL, NULL, 0x200, 0, 64, TAG, 0);
    if (!NT_SUCCESS(status))
        return status;
    return StartWork();
}

void AtUnload(void) {
    RIGHT(ExDeleteLookasideListEx(&List);)
}
