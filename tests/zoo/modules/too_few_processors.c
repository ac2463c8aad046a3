// SPDX-License-Identifier: MIT OR Apache-2.0
// Has room for four processors: an array with an entry for each, of fixed length.

#include "module.h"

IMPORT ULONG KeGetCurrentProcessorNumberEx(PVOID);
IMPORT ULONG KeQueryActiveProcessorCountEx(USHORT group);

// A cache line, so that processors do not disturb each other.
typedef struct { LONGLONG Calls, Unused[7]; } ENTRY;

static ENTRY *Entries;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    ULONG count = WRONG(4) RIGHT(KeQueryActiveProcessorCountEx(0));
    driver->DriverUnload = Unload;
    Entries = Allocate(count * sizeof(ENTRY));
    if (!Entries)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = StartThread();
    if (NT_SUCCESS(status)) {
        status = Register();
        if (!NT_SUCCESS(status))
            StopThread();
    }
    if (!NT_SUCCESS(status))
        Free(Entries);
    return status;
}

void Work(PVOID context) {
    (void)context;
    while (!Stop) {
        KIRQL irql = Acquire();
        Entries[KeGetCurrentProcessorNumberEx(NULL)].Calls++;
        Release(irql);
        Turn();
        Sleep(100);
    }
}

void AtUnload(void) { Free(Entries); }
