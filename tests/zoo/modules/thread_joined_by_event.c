// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits for an event that its thread sets, not for the thread.

#include "module.h"

static KEVENT Ended;

void Work(PVOID context) {
    while (!Stop) {
        Turn();
        Sleep(100);
    }
    KeSetEvent(&Ended, 0, FALSE);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Ended, 0, FALSE);
    return StartWork();
}

void StopThread(void) {
    Stop = TRUE;
    KeWaitForSingleObject(&Ended, 0, 0, 0, NULL);
    RIGHT(KeWaitForSingleObject(Thread, 0, 0, 0, NULL);)
    ObfDereferenceObject(Thread);
}
