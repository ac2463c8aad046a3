// SPDX-License-Identifier: MIT OR Apache-2.0
// Adds each binding to a table without the lock that its thread holds while it enumerates.

#include "module.h"
#include <ntddk.h>

static RTL_AVL_TABLE Known;
static KSPIN_LOCK KnownLock;

static RTL_GENERIC_COMPARE_RESULTS Compare(RTL_AVL_TABLE *table, PVOID first, PVOID second) {
    HANDLE left = *(HANDLE *)first, right = *(HANDLE *)second;
    (void)table;
    return left < right ? GenericLessThan : left > right ? GenericGreaterThan : GenericEqual;
}

static PVOID NewNode(RTL_AVL_TABLE *table, ULONG size) {
    (void)table;
    return ExAllocatePool2(NON_PAGED, size, TAG);
}

static void OldNode(RTL_AVL_TABLE *table, PVOID node) {
    (void)table;
    ExFreePoolWithTag(node, TAG);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    KeInitializeSpinLock(&KnownLock);
    RtlInitializeGenericTableAvl(&Known, Compare, NewNode, OldNode, NULL);
    return StartWork();
}

void Publish(BINDING *binding) {
    KIRQL irql;
    RIGHT(KeAcquireSpinLock(&KnownLock, &irql);)
    RtlInsertElementGenericTableAvl(&Known, &binding->Handle, sizeof(binding->Handle), NULL);
    RIGHT(KeReleaseSpinLock(&KnownLock, irql);)
    irql = Acquire();
    binding->Next = Bindings;
    Bindings = binding;
    Release(irql);
}

void Turn(void) {
    KIRQL irql;
    PVOID key = NULL;
    KeAcquireSpinLock(&KnownLock, &irql);
    while (RtlEnumerateGenericTableWithoutSplayingAvl(&Known, &key))
        ;
    KeReleaseSpinLock(&KnownLock, irql);
}

void AtUnload(void) {
    HANDLE *first;
    while ((first = RtlGetElementGenericTableAvl(&Known, 0)))
        RtlDeleteElementGenericTableAvl(&Known, first);
}
