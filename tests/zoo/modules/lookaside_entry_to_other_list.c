// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees an entry to a lookaside list other than the one from which it was allocated.

#include "executive.h"

enum { NON_PAGED_NX = 512 };
static struct {
    LOOKASIDE_LIST_EX Small, Large;
    ULONG Behind;
} Lists;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Lists.Behind = TAG;
    ExInitializeLookasideListEx(&Lists.Small, NULL, NULL, NON_PAGED_NX, 0, 32, TAG, 0);
    ExInitializeLookasideListEx(&Lists.Large, NULL, NULL, NON_PAGED_NX, 0, 128, TAG, 0);
    // A list has no more bytes than its declaration.
    if (Lists.Behind != TAG)
        __builtin_trap();
    status = StartWork();
    if (!NT_SUCCESS(status))
        AtUnload();
    return status;
}

void Turn(void) {
    PVOID entry = ExAllocateFromLookasideListEx(&Lists.Small);
    if (entry)
        ExFreeToLookasideListEx(RIGHT(&Lists.Small) WRONG(&Lists.Large), entry);
}

void AtUnload(void) {
    ExDeleteLookasideListEx(&Lists.Small);
    ExDeleteLookasideListEx(&Lists.Large);
}
