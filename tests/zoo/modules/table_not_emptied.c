// SPDX-License-Identifier: MIT OR Apache-2.0
// Forgets the elements of its table when it unloads.

#include "module.h"
#include <ntddk.h>

static RTL_GENERIC_TABLE Names;

static RTL_GENERIC_COMPARE_RESULTS Compare(RTL_GENERIC_TABLE *table, PVOID first, PVOID second) {
    LONG left = *(LONG *)first, right = *(LONG *)second;
    (void)table;
    return left < right ? GenericLessThan : left > right ? GenericGreaterThan : GenericEqual;
}

static PVOID NewNode(RTL_GENERIC_TABLE *table, ULONG size) {
    (void)table;
    return ExAllocatePool2(NON_PAGED, size, TAG);
}

static void OldNode(RTL_GENERIC_TABLE *table, PVOID node) {
    (void)table;
    ExFreePoolWithTag(node, TAG);
}

static void Clear(void) {
    LONG *name;
    while ((name = RtlEnumerateGenericTable(&Names, TRUE)))
        RtlDeleteElementGenericTable(&Names, name);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    RtlInitializeGenericTable(&Names, Compare, NewNode, OldNode, NULL);
    for (LONG name = 0; name < 4; name++)
        RtlInsertElementGenericTable(&Names, &name, sizeof(name), NULL);
    status = StartWork();
    if (!NT_SUCCESS(status))
        Clear();
    return status;
}

void AtUnload(void) {
    RIGHT(Clear();)
}
