// SPDX-License-Identifier: MIT OR Apache-2.0
// Closes the handle of a named event while its thread uses the pointer, which has no reference.

#include "module.h"
#include <ntifs.h>

#define NAME L"\\BaseNamedObjects\\ZooTurn"

static KEVENT *Turned;
static HANDLE Event;

void Work(PVOID context) {
    (void)context;
    while (!Stop) {
        Turn();
        KeSetEvent(Turned, 0, FALSE);
        Sleep(100);
    }
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    UNICODE_STRING name = {sizeof(NAME) - sizeof(WCHAR), sizeof(NAME), NAME};
    NTSTATUS status;
    Turned = IoCreateSynchronizationEvent(&name, &Event);
    if (!Turned)
        return STATUS_INSUFFICIENT_RESOURCES;
    driver->DriverUnload = Unload;
    status = StartWork();
    if (!NT_SUCCESS(status))
        ZwClose(Event);
    return status;
}

void Unload(DRIVER_OBJECT *driver) {
    (void)driver;
    WRONG(ZwClose(Event);)
    Deregister();
    StopThread();
    RIGHT(ZwClose(Event);)
}
