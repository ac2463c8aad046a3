// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads while its callback for a power setting is registered.

#include "module.h"
#include "notifications.h"

static PVOID Handle;
static volatile ULONG IsOn;
// GUID_CONSOLE_DISPLAY_STATE.
static const GUID Display = {0x6fe69556, 0x704a, 0x47a0, {0x8f, 0x24, 0xc2, 0x8d, 0x93, 0x6f, 0xda, 0x47}};

static NTSTATUS OnSetting(const GUID *setting, PVOID value, ULONG length, PVOID context) {
    if (length == sizeof(ULONG))
        IsOn = *(ULONG *)value;
    return STATUS_SUCCESS;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = PoRegisterPowerSettingCallback(NULL, &Display, OnSetting, NULL, &Handle);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        PoUnregisterPowerSettingCallback(Handle);
    return status;
}

void AtUnload(void) {
    RIGHT(PoUnregisterPowerSettingCallback(Handle);)
}
