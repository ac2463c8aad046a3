// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads while its routine is registered that is told of images.

#include "module.h"
#include "notifications.h"

static volatile LONG Images;

static void OnImage(UNICODE_STRING *name, HANDLE process, IMAGE_INFO *image) {
    if (image->ImageSize)
        __atomic_fetch_add(&Images, 1, __ATOMIC_SEQ_CST);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = PsSetLoadImageNotifyRoutine(OnImage);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        PsRemoveLoadImageNotifyRoutine(OnImage);
    return status;
}

void AtUnload(void) {
    RIGHT(PsRemoveLoadImageNotifyRoutine(OnImage);)
}
