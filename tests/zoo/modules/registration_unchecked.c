// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes its registration for granted, and deregisters what it never had.

#include "module.h"

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    WRONG(Register();)
    RIGHT(status = Register(); if (!NT_SUCCESS(status)) StopThread();)
    return status;
}
