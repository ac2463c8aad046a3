// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes its DriverUnload away while it is attached.

#include "module.h"

static DRIVER_OBJECT *Driver;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    Driver = driver;
    driver->DriverUnload = Unload;
    return StartWork();
}

void Publish(BINDING *binding) {
    KIRQL irql = Acquire();
    binding->Next = Bindings;
    Bindings = binding;
    WRONG(Driver->DriverUnload = NULL;)
    Release(irql);
}

void Cleanup(PVOID binding) {
    Driver->DriverUnload = Unload;
    Free(binding);
}
