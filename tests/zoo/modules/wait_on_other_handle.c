// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters both registrations and waits for one of them twice.

#include "module.h"

// A second NPI, which nobody provides.
static const GUID Other = {0x7d5a91c0, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
static CHARACTERISTICS Second;
static HANDLE SecondRegistration;

NTSTATUS Register(void) {
    NTSTATUS status;
    Second = Characteristics;
    Second.INSTANCE.NpiId = &Other;
    status = REGISTER(&Second, NULL, &SecondRegistration);
    if (!NT_SUCCESS(status))
        return status;
    return REGISTER(&Characteristics, NULL, &Registration);
}

void Deregister(void) {
    NTSTATUS one = DEREGISTER(Registration);
    NTSTATUS other = DEREGISTER(SecondRegistration);
    if (one == STATUS_PENDING)
        WAIT(Registration);
    if (other == STATUS_PENDING)
        WAIT(WRONG(Registration) RIGHT(SecondRegistration));
}
