// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not close the key that it has created.

#include "module.h"

#define PATH L"\\Registry\\Machine\\Software\\Zoo"

NTSTATUS Start(DRIVER_OBJECT *driver) {
    UNICODE_STRING path = {sizeof(PATH) - sizeof(WCHAR), sizeof(PATH), PATH};
    OBJECT_ATTRIBUTES attributes;
    HANDLE key;
    NTSTATUS status;
    InitializeObjectAttributes(&attributes, &path, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = ZwCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, NULL, REG_OPTION_VOLATILE, NULL);
    if (!NT_SUCCESS(status))
        return status;
    RIGHT(ZwClose(key);)
    driver->DriverUnload = Unload;
    return StartWork();
}
