// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not close the handle of the provider's device when a control code fails.

#define OWN_TURN
#include "sends.h"
#include <ntifs.h>

#define UNKNOWN_CODE CTL_CODE(FILE_DEVICE_UNKNOWN, 0xFFF, METHOD_BUFFERED, FILE_ANY_ACCESS)

void Turn(void) {
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK block;
    HANDLE device;
    InitializeObjectAttributes(&attributes, &PeerName, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(ZwOpenFile(&device, FILE_READ_DATA | SYNCHRONIZE, &attributes, &block, FILE_SHARE_READ,
                               FILE_SYNCHRONOUS_IO_NONALERT)))
        return;
    if (!NT_SUCCESS(ZwDeviceIoControlFile(device, NULL, NULL, NULL, &block, UNKNOWN_CODE, NULL, 0, NULL, 0))) {
        RIGHT(ZwClose(device);)
        return;
    }
    ZwClose(device);
}
