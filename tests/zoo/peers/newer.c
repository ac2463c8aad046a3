// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers twice; the second speaks later versions only, and refuses who speaks none of them.

#include "module.h"

static ECHO_CHARACTERISTICS Later = ECHO_CHARACTERISTICS_INIT(0, 0);
static CHARACTERISTICS Second;
static HANDLE SecondRegistration;

static NTSTATUS Refuse(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer,
                       PVOID client, const void *dispatch, PVOID *mine, const void **table) {
    (void)handle, (void)context, (void)peer, (void)client, (void)dispatch, (void)mine, (void)table;
    return STATUS_NOINTERFACE;
}

static void End(HANDLE registration) {
    if (DEREGISTER(registration) == STATUS_PENDING)
        WAIT(registration);
}

NTSTATUS Register(void) {
    NTSTATUS status;
    Later.LowestVersion = Later.HighestVersion = ECHO_VERSION + 1;
    Second = Characteristics;
    Second.ATTACH_CALLBACK = Refuse;
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
