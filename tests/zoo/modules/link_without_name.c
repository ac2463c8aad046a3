// SPDX-License-Identifier: MIT OR Apache-2.0
// Deletes its symbolic link by a name that it has cleared.

#define OWN_DELETE_DEVICE
#include "device.h"

static UNICODE_STRING Cleared;

void DeleteDevice(void) {
    IoDeleteSymbolicLink(&LinkName);
    // A second time, to be sure.
    WRONG(IoDeleteSymbolicLink(&Cleared);)
    IoDeleteDevice(Device);
}
