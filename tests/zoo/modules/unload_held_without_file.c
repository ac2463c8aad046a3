// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes its DriverUnload away while its thread is at work, not while a file is
// open: an unload that has been granted may be just about to call it.

#include "module.h"

static DRIVER_OBJECT *Driver;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    Driver = driver;
    driver->DriverUnload = Unload;
    return StartWork();
}

void Work(PVOID context) {
    (void)context;
    while (!Stop) {
        WRONG(Driver->DriverUnload = NULL;)
        Turn();
        WRONG(Driver->DriverUnload = Unload;)
        Sleep(100);
    }
}
