// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees its bindings at shutdown, as if it were unloaded, while its thread uses them.

#define NOTIFY IoRegisterShutdownNotification
#include "device.h"

NTSTATUS Shutdown(IRP *irp) {
    RIGHT(Deregister();)
    WRONG(while (Bindings) {
        BINDING *binding = Bindings;
        Bindings = binding->Next;
        Free(binding);
    })
    return Finish(irp, STATUS_SUCCESS, 0);
}
