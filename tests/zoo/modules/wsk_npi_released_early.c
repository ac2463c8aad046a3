// SPDX-License-Identifier: MIT OR Apache-2.0
// Releases the provider's NPI when it has captured it, and goes on using it.

#define OWN_LIFE
#include "sockets.h"

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = OpenNetwork();
    driver->DriverUnload = Unload;
    if (!NT_SUCCESS(status))
        return status;
    WRONG(WskReleaseProviderNPI(&Network);)
    status = OpenSocket(NULL);
    if (NT_SUCCESS(status)) {
        status = StartWork();
        if (NT_SUCCESS(status))
            return status;
        CloseSocket();
        IoFreeIrp(CloseRequest);
    }
    RIGHT(WskReleaseProviderNPI(&Network);)
    WskDeregister(&Network);
    return status;
}

void AtUnload(void) {
    CloseSocket();
    IoFreeIrp(CloseRequest);
    RIGHT(WskReleaseProviderNPI(&Network);)
    WskDeregister(&Network);
}
