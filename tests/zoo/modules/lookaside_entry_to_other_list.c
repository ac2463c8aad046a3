// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees an entry to another lookaside list than it was allocated from.

#include "executive.h"

enum { NON_PAGED_NX = 512 };
static LOOKASIDE_LIST_EX Small, Large;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    ExInitializeLookasideListEx(&Small, NULL, NULL, NON_PAGED_NX, 0, 32, TAG, 0);
    ExInitializeLookasideListEx(&Large, NULL, NULL, NON_PAGED_NX, 0, 128, TAG, 0);
    status = StartWork();
    if (!NT_SUCCESS(status))
        AtUnload();
    return status;
}

void Turn(void) {
    PVOID entry = ExAllocateFromLookasideListEx(&Small);
    if (entry)
        ExFreeToLookasideListEx(RIGHT(&Small) WRONG(&Large), entry);
}

void AtUnload(void) {
    ExDeleteLookasideListEx(&Small);
    ExDeleteLookasideListEx(&Large);
}
