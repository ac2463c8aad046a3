// SPDX-License-Identifier: MIT OR Apache-2.0
// The Echo NPI: the header that is made from its description, with shorter names.

#pragma once
#include "kernel.h"
#include "echo_npi.h"

typedef ECHO_HEADER HEADER;
typedef ECHO_REQUEST REQUEST;
typedef ECHO_PROVIDER_DISPATCH PROVIDER_DISPATCH;
typedef ECHO_CLIENT_DISPATCH CLIENT_DISPATCH;
#define MAX_PAYLOAD sizeof(((REQUEST *)0)->Payload)
#define EchoNpi ECHO_NPI_ID

// Without the abilities beyond submit and complete.
static const ECHO_CHARACTERISTICS Minimum = ECHO_CHARACTERISTICS_INIT(0, 0);
