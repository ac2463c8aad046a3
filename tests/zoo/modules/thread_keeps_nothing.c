// SPDX-License-Identifier: MIT OR Apache-2.0
// Closes the handle of a thread that it does not wait for, and that does not keep the driver
// loaded.

#include "module.h"

static void Late(PVOID context) {
    LARGE_INTEGER a_while = {.QuadPart = -20000};
    (void)context;
    KeDelayExecutionThread(KernelMode, FALSE, &a_while);
}

static DRIVER_OBJECT *Driver;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    Driver = driver;
    driver->DriverUnload = Unload;
    return StartWork();
}

void AtUnload(void) {
    HANDLE thread;
    NTSTATUS status;
    WRONG(status = PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Late, NULL);)
    RIGHT(status = IoCreateSystemThread(Driver, &thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Late, NULL);)
    if (NT_SUCCESS(status))
        ZwClose(thread);
}
