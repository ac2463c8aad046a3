// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters and waits inside a call that the provider makes to it.

#include "module.h"

static volatile LONG Asked, Taken;
static KEVENT Closed;

static BOOLEAN Take(void) {
    KIRQL irql = Acquire();
    BOOLEAN mine = !Taken;
    Taken = 1;
    Release(irql);
    return mine;
}

static void Close(void) {
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    KeSetEvent(&Closed, 0, FALSE);
}

void Complete(PVOID binding, REQUEST *request) {
    Free(request);
    WRONG(if (Asked && KeGetCurrentIrql() == PASSIVE_LEVEL && Take()) Close();)
    Leave(binding);
}

NTSTATUS Register(void) {
    KeInitializeEvent(&Closed, 0, FALSE);
    return REGISTER(&Characteristics, NULL, &Registration);
}

void Deregister(void) {
    Asked = 1;
    Sleep(500);
    if (Take())
        Close();
    else
        KeWaitForSingleObject(&Closed, 0, 0, 0, NULL);
    Sleep(1);
}
