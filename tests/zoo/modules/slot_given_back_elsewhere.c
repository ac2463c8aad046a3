// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes a buffer from the slot of its processor, and gives it back to that of the processor
// that it is on by then: at PASSIVE_LEVEL a thread moves.

#include "module.h"

IMPORT ULONG KeGetCurrentProcessorNumberEx(PVOID);
IMPORT ULONG KeQueryActiveProcessorCountEx(USHORT group);

static PVOID Slots[64];

static void Fill(void) {
    ULONG number, count = KeQueryActiveProcessorCountEx(0);
    for (number = 0; number < count; number++)
        Slots[number] = Allocate(32);
}

static void Empty(void) {
    ULONG number;
    for (number = 0; number < 64; number++)
        if (Slots[number])
            Free(Slots[number]);
}

void Work(PVOID context) {
    (void)context;
    while (!Stop) {
        ULONG number = KeGetCurrentProcessorNumberEx(NULL);
        PVOID buffer = Slots[number];
        Slots[number] = NULL;
        Sleep(50);
        WRONG(number = KeGetCurrentProcessorNumberEx(NULL);)
        Slots[number] = buffer;
        Turn();
    }
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Fill();
    status = StartThread();
    if (NT_SUCCESS(status)) {
        status = Register();
        if (!NT_SUCCESS(status))
            StopThread();
    }
    if (!NT_SUCCESS(status))
        Empty();
    return status;
}

void AtUnload(void) { Empty(); }
