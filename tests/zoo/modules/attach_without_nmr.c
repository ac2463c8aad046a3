// SPDX-License-Identifier: MIT OR Apache-2.0
// Accepts a provider without NmrClientAttachProvider.

#include "module.h"

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    return WRONG(STATUS_SUCCESS) RIGHT(STATUS_NOINTERFACE);
}
