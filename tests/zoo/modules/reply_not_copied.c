// SPDX-License-Identifier: MIT OR Apache-2.0
// Succeeds without writing the reply.

#include "module.h"

void Reply(REQUEST *request) {
    RIGHT(for (ULONG i = 0; i < request->Length; i++)
              request->Reply[i] = request->Payload[i];)
}
