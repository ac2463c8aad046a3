// SPDX-License-Identifier: MIT OR Apache-2.0
// References the file object when a file is opened, and keeps the reference.

#define OWN_OPENED
#define OWN_LAST_HANDLE_CLOSED
#include "device.h"

void Opened(IRP *irp) { ObfReferenceObject(FILE_OF(irp)); }

void LastHandleClosed(IRP *irp) {
    RIGHT(ObfDereferenceObject(FILE_OF(irp));)
    WRONG((void)irp;)
}
