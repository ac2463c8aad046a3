// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees its WSK_REGISTRATION once WskDeregister has returned, although a thread may still ask for the
// provider: it is to learn from STATUS_DEVICE_NOT_READY that it comes too late.

#define OWN_START
#include "two_threads.h"
#include <wsk.h>

static const WSK_CLIENT_DISPATCH Version = {MAKE_WSK_VERSION(1, 0)};
static WSK_REGISTRATION *Network;

void Other(PVOID context) {
    WSK_PROVIDER_NPI npi;
    Sleep(100);
    if (NT_SUCCESS(WskCaptureProviderNPI(Network, WSK_INFINITE_WAIT, &npi)))
        WskReleaseProviderNPI(Network);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    WSK_CLIENT_NPI client = {NULL, &Version};
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Network = Allocate(sizeof(*Network));
    if (!Network)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = WskRegister(&client, Network);
    if (NT_SUCCESS(status)) {
        status = StartOther();
        if (NT_SUCCESS(status)) {
            status = StartWork();
            if (NT_SUCCESS(status))
                return status;
            StopOther();
        }
        WskDeregister(Network);
    }
    Free(Network);
    return status;
}

void AtUnload(void) {
    WskDeregister(Network);
    WRONG(Free(Network);)
    StopOther();
    RIGHT(Free(Network);)
}
