// SPDX-License-Identifier: MIT OR Apache-2.0
// Is told of changes of a key by a work item, which does not keep the driver loaded: closing the
// key at unload queues it. A thread that waits for changes can be waited for.

#include "module.h"
#include <ntifs.h>

#define PATH L"\\Registry\\Machine\\Software\\Zoo"

static IO_STATUS_BLOCK Told;
static HANDLE Key;

static NTSTATUS Watch(PVOID item, BOOLEAN asynchronous) {
    return ZwNotifyChangeKey(Key, NULL, (PIO_APC_ROUTINE)item, (PVOID)DelayedWorkQueue, &Told,
                             REG_NOTIFY_CHANGE_LAST_SET, FALSE, NULL, 0, asynchronous);
}

WRONG(static WORK_QUEUE_ITEM Item;

static void OnChange(PVOID context) { (void)context; })

RIGHT(static PVOID Watcher;

static void UntilClosed(PVOID context) {
    (void)context;
    while (Watch(NULL, FALSE) == STATUS_SUCCESS)
        ;
})

static NTSTATUS StartWatch(void) {
    WRONG(ExInitializeWorkItem(&Item, OnChange, NULL);
          return Watch(&Item, TRUE);)
    RIGHT(HANDLE handle;
          NTSTATUS status = PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, UntilClosed, NULL);
          if (!NT_SUCCESS(status))
              return status;
          ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KernelMode, &Watcher, NULL);
          return ZwClose(handle);)
}

static void StopWatch(void) {
    ZwClose(Key);
    RIGHT(if (!Watcher)
              return;
          KeWaitForSingleObject(Watcher, Executive, KernelMode, FALSE, NULL);
          ObDereferenceObject(Watcher);)
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    UNICODE_STRING path = {sizeof(PATH) - sizeof(WCHAR), sizeof(PATH), PATH};
    OBJECT_ATTRIBUTES attributes;
    NTSTATUS status;
    InitializeObjectAttributes(&attributes, &path, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = ZwCreateKey(&Key, KEY_ALL_ACCESS, &attributes, 0, NULL, REG_OPTION_VOLATILE, NULL);
    if (!NT_SUCCESS(status))
        return status;
    driver->DriverUnload = Unload;
    status = StartWatch();
    if (NT_SUCCESS(status))
        status = StartWork();
    if (!NT_SUCCESS(status))
        StopWatch();
    return status;
}

void AtUnload(void) { StopWatch(); }
