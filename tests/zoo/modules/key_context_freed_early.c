// SPDX-License-Identifier: MIT OR Apache-2.0
// Gives registry keys a context, and frees the last one itself before it unregisters its
// callback, which is told to clean it up.

#include "module.h"
#include "notifications.h"
#include <ntddk.h>

typedef struct {
    PVOID Object, CallContext, ObjectContext;
} CLEAN_UP;
enum { QueryValue = 8, CleanUp = 40 };

static LARGE_INTEGER Cookie;
static PVOID Last; // protected by Lock

static void Forget(PVOID block) {
    KIRQL irql = Acquire();
    if (Last == block)
        Last = NULL;
    Release(irql);
}

static NTSTATUS OnRegistry(PVOID context, PVOID notifyClass, PVOID information) {
    PVOID *fields = information;
    PVOID block, before = NULL;
    KIRQL irql;
    if ((ULONG_PTR)notifyClass == CleanUp) {
        Forget(fields[1]);
        Free(fields[1]);
        return STATUS_SUCCESS;
    }
    if ((ULONG_PTR)notifyClass != QueryValue)
        return STATUS_SUCCESS;
    block = Allocate(32);
    if (!block)
        return STATUS_SUCCESS;
    irql = Acquire();
    Last = block;
    Release(irql);
    // The cookie is there once CmRegisterCallbackEx has returned.
    if (!NT_SUCCESS(CmSetCallbackObjectContext(fields[0], &Cookie, block, &before))) {
        Forget(block);
        Free(block);
    } else if (before) {
        Free(before);
    }
    return STATUS_SUCCESS;
}

static void End(void) {
    WRONG(PVOID last; KIRQL irql = Acquire(); last = Last; Last = NULL; Release(irql); if (last) Free(last);)
    CmUnRegisterCallback(Cookie.QuadPart);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    static const UNICODE_STRING altitude = {12, 12, L"370001"};
    driver->DriverUnload = Unload;
    status = CmRegisterCallbackEx(OnRegistry, &altitude, driver, NULL, &Cookie.QuadPart, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        CmUnRegisterCallback(Cookie.QuadPart);
    return status;
}

void AtUnload(void) { End(); }
