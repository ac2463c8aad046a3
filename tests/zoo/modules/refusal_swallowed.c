// SPDX-License-Identifier: MIT OR Apache-2.0
// Reports success although the provider has refused.

#include "module.h"

// What no provider offers, so that every attach is refused.
static const ECHO_CHARACTERISTICS Demanding = {
    {sizeof(ECHO_CHARACTERISTICS), ECHO_VERSION, 0}, ECHO_VERSION, ECHO_VERSION, 0, 1u << 31};

NTSTATUS Register(void) {
    Characteristics.INSTANCE.NpiSpecificCharacteristics = &Demanding;
    return REGISTER(&Characteristics, NULL, &Registration);
}

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    NTSTATUS status;
    BINDING *binding;
    (void)context;
    if (!Fits(peer))
        return STATUS_NOINTERFACE;
    binding = NewBinding(handle);
    if (!binding)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = NmrClientAttachProvider(handle, binding, &ClientDispatch, &binding->Peer,
                                     &binding->Table);
    if (!NT_SUCCESS(status)) {
        Free(binding);
        WRONG(status = STATUS_SUCCESS;)
    } else {
        Publish(binding);
    }
    return status;
}
