// SPDX-License-Identifier: MIT OR Apache-2.0
// Creates an event by a handle, of which it keeps the object and forgets the handle.

#include "module.h"
#include <ntifs.h>

static KEVENT *Ended;
static HANDLE Event;

void Work(PVOID context) {
    (void)context;
    while (!Stop) {
        Turn();
        Sleep(100);
    }
    KeSetEvent(Ended, 0, FALSE);
}

static NTSTATUS CreateEvent(void) {
    NTSTATUS status = ZwCreateEvent(&Event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    if (!NT_SUCCESS(status))
        return status;
    status = ObReferenceObjectByHandle(Event, EVENT_MODIFY_STATE, *ExEventObjectType, KernelMode, (PVOID *)&Ended, NULL);
    if (!NT_SUCCESS(status))
        ZwClose(Event);
    return status;
}

static void DeleteEvent(void) {
    ObDereferenceObject(Ended);
    RIGHT(ZwClose(Event);)
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = CreateEvent();
    if (!NT_SUCCESS(status))
        return status;
    driver->DriverUnload = Unload;
    status = StartWork();
    if (!NT_SUCCESS(status)) {
        ObDereferenceObject(Ended);
        ZwClose(Event);
    }
    return status;
}

void AtUnload(void) {
    KeWaitForSingleObject(Ended, Executive, KernelMode, FALSE, NULL);
    DeleteEvent();
}
