// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers twice; the second speaks later versions only, and leaves it to the provider to refuse.

#include "module.h"

static ECHO_CHARACTERISTICS Later = ECHO_CHARACTERISTICS_INIT(0, 0);
static CHARACTERISTICS Second;
static HANDLE SecondRegistration;

static void End(HANDLE registration) {
    if (DEREGISTER(registration) == STATUS_PENDING)
        WAIT(registration);
}

NTSTATUS Register(void) {
    NTSTATUS status;
    Later.LowestVersion = Later.HighestVersion = ECHO_VERSION + 1;
    Second = Characteristics;
    Second.INSTANCE.NpiSpecificCharacteristics = &Later;
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
