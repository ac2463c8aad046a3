// SPDX-License-Identifier: MIT OR Apache-2.0
// Leaves its log file open when it unloads.

#include "module.h"

#define PATH L"\\SystemRoot\\Temp\\zoo.log"

static HANDLE Log;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    UNICODE_STRING path = {sizeof(PATH) - sizeof(WCHAR), sizeof(PATH), PATH};
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK block;
    NTSTATUS status;
    InitializeObjectAttributes(&attributes, &path, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = ZwCreateFile(&Log, GENERIC_WRITE | SYNCHRONIZE, &attributes, &block, NULL, FILE_ATTRIBUTE_NORMAL,
                          FILE_SHARE_READ, FILE_OPEN_IF, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
    if (!NT_SUCCESS(status))
        return status;
    ZwWriteFile(Log, NULL, NULL, NULL, &block, "loaded\n", 7, NULL, NULL);
    driver->DriverUnload = Unload;
    status = StartWork();
    if (!NT_SUCCESS(status))
        ZwClose(Log);
    return status;
}

void AtUnload(void) {
    RIGHT(ZwClose(Log);)
}
