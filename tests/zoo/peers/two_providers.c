// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers twice, with different module ids, and serves both.

#include "module.h"

static NPI_MODULEID OtherModule;
static CHARACTERISTICS Second;
static HANDLE SecondRegistration;

static void End(HANDLE registration) {
    if (DEREGISTER(registration) == STATUS_PENDING)
        WAIT(registration);
}

NTSTATUS Register(void) {
    NTSTATUS status;
    OtherModule = *Characteristics.Instance.ModuleId;
    OtherModule.Guid.Data1++;
    Second = Characteristics;
    Second.Instance.ModuleId = &OtherModule;
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
