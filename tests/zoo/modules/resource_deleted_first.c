// SPDX-License-Identifier: MIT OR Apache-2.0
// Deletes an ERESOURCE that its attach callback uses before it deregisters.

#include "module.h"

static ERESOURCE Resource;

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding;
    KeEnterCriticalRegion();
    ExAcquireResourceExclusiveLite(&Resource, TRUE);
    binding = Allocate(sizeof(BINDING));
    if (binding)
        binding->Handle = handle;
    ExReleaseResourceLite(&Resource);
    KeLeaveCriticalRegion();
    return binding;
}

NTSTATUS Register(void) {
    NTSTATUS status;
    ExInitializeResourceLite(&Resource);
    status = REGISTER(&Characteristics, NULL, &Registration);
    if (!NT_SUCCESS(status))
        ExDeleteResourceLite(&Resource);
    return status;
}

void Deregister(void) {
    WRONG(ExDeleteResourceLite(&Resource);)
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    RIGHT(ExDeleteResourceLite(&Resource);)
}
