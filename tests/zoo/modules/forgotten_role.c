// SPDX-License-Identifier: MIT OR Apache-2.0
// Is a client and a provider, and deregisters as a client only.

#include "module.h"

// Another NPI, which nobody asks for.
static const GUID Other = {0x7d5a91c0, 1, 2, {3, 4, 5, 6, 7, 8, 9, 11}};

static NTSTATUS Refuse(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer,
                       PVOID client, const void *dispatch, PVOID *mine, const void **table) {
    return STATUS_NOINTERFACE;
}

static NPI_PROVIDER_CHARACTERISTICS AsProvider = {
    0, sizeof(NPI_PROVIDER_CHARACTERISTICS), Refuse, Detach, Cleanup,
    {0, sizeof(NPI_REGISTRATION_INSTANCE), &Other, NULL, 0, NULL}};
static HANDLE ProviderRegistration;

static void EndProvider(void) {
    if (NmrDeregisterProvider(ProviderRegistration) == STATUS_PENDING)
        NmrWaitForProviderDeregisterComplete(ProviderRegistration);
}

NTSTATUS Register(void) {
    NTSTATUS status;
    AsProvider.ProviderRegistrationInstance.ModuleId = Characteristics.INSTANCE.ModuleId;
    status = NmrRegisterProvider(&AsProvider, NULL, &ProviderRegistration);
    if (!NT_SUCCESS(status))
        return status;
    status = REGISTER(&Characteristics, NULL, &Registration);
    if (!NT_SUCCESS(status))
        EndProvider();
    return status;
}

void Deregister(void) {
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    RIGHT(EndProvider();)
}
