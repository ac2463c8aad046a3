// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not give the file object of the provider's device back.

#define OWN_TURN
#include "sends.h"

void Turn(void) {
    PDEVICE_OBJECT device;
    PFILE_OBJECT file;
    if (!NT_SUCCESS(IoGetDeviceObjectPointer(&PeerName, FILE_READ_DATA, &file, &device)))
        return;
    RIGHT(ObfDereferenceObject(file);)
}
