// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads while it is to be told of network devices.

#include "module.h"
#include "notifications.h"

static PVOID Entry;
static volatile LONG Devices;
// GUID_DEVINTERFACE_NET.
static GUID Class = {0xcac88484, 0x7515, 0x4c03, {0x82, 0xe6, 0x71, 0xa8, 0x7a, 0xba, 0xc3, 0x61}};

static NTSTATUS OnDevice(PVOID notification, PVOID context) {
    __atomic_fetch_add(&Devices, 1, __ATOMIC_SEQ_CST);
    return STATUS_SUCCESS;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = IoRegisterPlugPlayNotification(2, 0, &Class, driver, OnDevice, NULL, &Entry);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        IoUnregisterPlugPlayNotificationEx(Entry);
    return status;
}

void AtUnload(void) {
    RIGHT(IoUnregisterPlugPlayNotificationEx(Entry);)
}
