// SPDX-License-Identifier: MIT OR Apache-2.0
// Says that it waits as soon as it has set an event, and does something else.

#include "module.h"

static KEVENT Ready, Answered;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Ready, NotificationEvent, FALSE);
    KeInitializeEvent(&Answered, NotificationEvent, TRUE);
    return StartWork();
}

void Turn(void) {
    KeSetEvent(&Ready, 0, TRUE);
    WRONG(Sleep(1);)
    KeWaitForSingleObject(&Answered, 0, 0, 0, NULL);
}
