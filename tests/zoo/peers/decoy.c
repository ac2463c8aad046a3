// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers twice; the second is of another kind and has no Submit.

#include "module.h"

static NPI_MODULEID OtherModule;
static CHARACTERISTICS Second;
static HANDLE SecondRegistration;
static const PROVIDER_DISPATCH Nothing = {{sizeof(PROVIDER_DISPATCH), ECHO_VERSION, 0}};

static NTSTATUS AttachToSecond(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer,
                               PVOID client, const void *dispatch, PVOID *mine,
                               const void **table) {
    NTSTATUS status = Attach(handle, context, peer, client, dispatch, mine, table);
    *table = &Nothing;
    return status;
}

static void End(HANDLE registration) {
    if (DEREGISTER(registration) == STATUS_PENDING)
        WAIT(registration);
}

NTSTATUS Register(void) {
    NTSTATUS status;
    OtherModule = *Characteristics.INSTANCE.ModuleId;
    OtherModule.Guid.Data1++;
    Second = Characteristics;
    Second.ATTACH_CALLBACK = AttachToSecond;
    Second.INSTANCE.ModuleId = &OtherModule;
    status = REGISTER(&Characteristics, NULL, &Registration);
    if (!NT_SUCCESS(status))
        return status;
    status = REGISTER(&Second, NULL, &SecondRegistration);
    if (!NT_SUCCESS(status))
        End(Registration);
    return status;
}

void Deregister(void) {
    End(SecondRegistration);
    End(Registration);
}
