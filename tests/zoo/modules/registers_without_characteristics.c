// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers without the characteristics of its NPI, by which its peers learn its versions.

#include "module.h"

NTSTATUS Register(void) {
    WRONG(Characteristics.INSTANCE.NpiSpecificCharacteristics = NULL;)
    return REGISTER(&Characteristics, NULL, &Registration);
}
