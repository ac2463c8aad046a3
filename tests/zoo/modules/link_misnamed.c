// SPDX-License-Identifier: MIT OR Apache-2.0
// Deletes its symbolic link under another name than it has.

#define OWN_DELETE_DEVICE
#include "device.h"

static UNICODE_STRING Misspelt = NAME(L"\\DosDevices\\Zo");

void DeleteDevice(void) {
    WRONG(IoDeleteSymbolicLink(&Misspelt);)
    RIGHT(IoDeleteSymbolicLink(&LinkName);)
    IoDeleteDevice(Device);
}
