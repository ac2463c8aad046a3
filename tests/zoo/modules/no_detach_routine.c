// SPDX-License-Identifier: MIT OR Apache-2.0
// Has no detach callback: the provider could unload beneath it.

#include "module.h"

NTSTATUS Register(void) {
    WRONG(Characteristics.DETACH_CALLBACK = NULL;)
    return REGISTER(&Characteristics, NULL, &Registration);
}
