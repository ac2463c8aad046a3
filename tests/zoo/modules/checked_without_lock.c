// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks at a shared pointer and uses it without the lock; its thread swaps and frees it, and
// no call lies between the look and the use.

#include "module.h"

typedef struct {
    ULONG Limit;
    volatile LONG Hits;
} SETTINGS;

static SETTINGS *volatile Settings;

NTSTATUS Register(void) {
    NTSTATUS status;
    SETTINGS *first = Allocate(sizeof(SETTINGS));
    if (!first)
        return STATUS_INSUFFICIENT_RESOURCES;
    Settings = first;
    status = REGISTER(&Characteristics, NULL, &Registration);
    if (!NT_SUCCESS(status)) {
        // The thread may be using them.
        StopThread();
        Free(Settings);
    }
    return status;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartThread();
    return NT_SUCCESS(status) ? Register() : status;
}

void Complete(PVOID binding, REQUEST *request) {
    RIGHT(KIRQL irql = Acquire();)
    SETTINGS *mine = Settings;
    for (ULONG i = 0; i < request->Length; i++)
        mine->Hits++;
    RIGHT(Release(irql);)
    Free(request);
    Leave(binding);
}

static void Swap(void) {
    KIRQL irql;
    SETTINGS *old, *fresh;
    // The thread is started before.
    if (!Settings)
        return;
    fresh = Allocate(sizeof(SETTINGS));
    if (!fresh)
        return;
    irql = Acquire();
    old = Settings;
    Settings = fresh;
    Release(irql);
    Free(old);
}

void Turn(void) {
    CallNewest();
    Swap();
}

void AtUnload(void) { Free(Settings); }
