// SPDX-License-Identifier: MIT OR Apache-2.0
// A driver with a control device: one request, which inverts 16 bytes, and a
// block for each open file. A module defines what it does wrong before or after
// it includes this.

#pragma once
#include "module.h"

typedef struct IRP IRP;
IMPORT void IofCompleteRequest(IRP *, char boost);

#define FIELD(type, object, offset) (*(type *)((UCHAR *)(object) + (offset)))
#define BUFFER(irp) FIELD(UCHAR *, irp, 0x18)
#define LOCATION(irp) FIELD(UCHAR *, irp, 0xB8)
#define MAJOR(irp) FIELD(UCHAR, LOCATION(irp), 0)
#define MARK_PENDING(irp) (FIELD(UCHAR, LOCATION(irp), 3) |= 1)
#define OUTPUT_LENGTH(irp) FIELD(ULONG, LOCATION(irp), 8)
#define INPUT_LENGTH(irp) FIELD(ULONG, LOCATION(irp), 0x10)
#define CODE(irp) FIELD(ULONG, LOCATION(irp), 0x18)
#define FILE_OF(irp) FIELD(PVOID, LOCATION(irp), 0x30)
#define SESSION(irp) FIELD(PVOID, FILE_OF(irp), 0x18)
#define MAJOR_CREATE 0
#define MAJOR_CLOSE 2
#define MAJOR_DEVICE_CONTROL 14
#define MAJOR_SHUTDOWN 16
#define MAJOR_CLEANUP 18
#define INVERT 0x222000
#define STATUS_INVALID_DEVICE_REQUEST ((NTSTATUS)0xC0000010)

#define NAME(text) {sizeof(text) - 2, sizeof(text), (WCHAR *)text}
static UNICODE_STRING DeviceName = NAME(L"\\Device\\Zoo");
static UNICODE_STRING LinkName = NAME(L"\\DosDevices\\Zoo");
static DRIVER_OBJECT *Driver;
static PVOID Device;

// A module that defines NOTIFY as one of these functions is told of a shutdown.
IMPORT NTSTATUS IoRegisterShutdownNotification(PVOID device);
IMPORT NTSTATUS IoRegisterLastChanceShutdownNotification(PVOID device);
IMPORT void IoUnregisterShutdownNotification(PVOID device);
NTSTATUS Shutdown(IRP *);

// What a module may replace, beside the functions of its base.
void Opened(IRP *);
void LastHandleClosed(IRP *);
NTSTATUS Close(IRP *);
NTSTATUS Control(IRP *);
void DeleteDevice(void);

static NTSTATUS Finish(IRP *irp, NTSTATUS status, SIZE_T length) {
    FIELD(NTSTATUS, irp, 0x30) = status;
    FIELD(SIZE_T, irp, 0x38) = length;
    IofCompleteRequest(irp, 0);
    return status;
}

static NTSTATUS Dispatch(PVOID device, IRP *irp) {
    (void)device;
    switch (MAJOR(irp)) {
    case MAJOR_CREATE:
        SESSION(irp) = Allocate(64);
        if (!SESSION(irp))
            return Finish(irp, STATUS_INSUFFICIENT_RESOURCES, 0);
        Opened(irp);
        return Finish(irp, STATUS_SUCCESS, 0);
    case MAJOR_CLEANUP:
        LastHandleClosed(irp);
        return Finish(irp, STATUS_SUCCESS, 0);
    case MAJOR_CLOSE:
        return Close(irp);
    case MAJOR_DEVICE_CONTROL:
        return Control(irp);
#ifdef NOTIFY
    case MAJOR_SHUTDOWN:
        return Shutdown(irp);
#endif
    default:
        return Finish(irp, STATUS_SUCCESS, 0);
    }
}

#ifndef OWN_OPENED
void Opened(IRP *irp) { (void)irp; }
#endif

#ifndef OWN_LAST_HANDLE_CLOSED
void LastHandleClosed(IRP *irp) { (void)irp; }
#endif

#ifndef OWN_CLOSE
NTSTATUS Close(IRP *irp) {
    Free(SESSION(irp));
    return Finish(irp, STATUS_SUCCESS, 0);
}
#endif

static void Invert(IRP *irp) {
    for (int index = 0; index < 16; index++)
        BUFFER(irp)[index] ^= 0xFF;
}

#ifndef OWN_CONTROL
NTSTATUS Control(IRP *irp) {
    if (CODE(irp) != INVERT)
        return Finish(irp, STATUS_INVALID_DEVICE_REQUEST, 0);
    if (INPUT_LENGTH(irp) < 16 || OUTPUT_LENGTH(irp) < 16)
        return Finish(irp, STATUS_INVALID_PARAMETER, 0);
    Invert(irp);
    return Finish(irp, STATUS_SUCCESS, 16);
}
#endif

#ifndef OWN_DELETE_DEVICE
void DeleteDevice(void) {
#ifdef NOTIFY
    IoUnregisterShutdownNotification(Device);
#endif
    IoDeleteSymbolicLink(&LinkName);
    IoDeleteDevice(Device);
}
#endif

static NTSTATUS CreateDevice(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    Driver = driver;
    driver->MajorFunction[MAJOR_CREATE] = (PVOID)Dispatch;
    driver->MajorFunction[MAJOR_CLOSE] = (PVOID)Dispatch;
    driver->MajorFunction[MAJOR_DEVICE_CONTROL] = (PVOID)Dispatch;
    driver->MajorFunction[MAJOR_CLEANUP] = (PVOID)Dispatch;
    status = IoCreateDevice(driver, 0, &DeviceName, 0x22, 0, FALSE, &Device);
    if (!NT_SUCCESS(status))
        return status;
    status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(Device);
        return status;
    }
#ifdef NOTIFY
    driver->MajorFunction[MAJOR_SHUTDOWN] = (PVOID)Dispatch;
    status = NOTIFY(Device);
    if (!NT_SUCCESS(status)) {
        IoDeleteSymbolicLink(&LinkName);
        IoDeleteDevice(Device);
    }
#endif
    return status;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = CreateDevice(driver);
    if (!NT_SUCCESS(status))
        return status;
    status = StartThread();
    if (NT_SUCCESS(status)) {
        status = Register();
        if (!NT_SUCCESS(status))
            StopThread();
    }
    if (!NT_SUCCESS(status))
        DeleteDevice();
    return status;
}

void AtUnload(void) { DeleteDevice(); }
