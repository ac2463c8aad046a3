// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers a structure with a length that is not its own.

#include "module.h"

NTSTATUS Register(void) {
    WRONG(Characteristics.Length = 8;)
    return REGISTER(&Characteristics, NULL, &Registration);
}
