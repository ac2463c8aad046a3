// SPDX-License-Identifier: MIT OR Apache-2.0

//! The peer for an NPI that is not described: it attaches, refuses every call, detaches
//! and unloads.

use npi_description::{NpiId, Side};

use super::{Conduct, Module, contract, source};

/// What follows the common part.
const BODY: &str = "\
// Nothing is known of this NPI. The table has a function in every place, and the
// characteristics are there if the module under test has some, with zeros.

static const FUNCTION Functions[FUNCTIONS] = {{PASSIVE_LEVEL, PASSIVE_LEVEL, -1, -1, 0, FALSE}};

static NTSTATUS Refuse(void) { return STATUS_NOT_SUPPORTED; }
static PVOID OwnTable[64];
static UCHAR OwnCharacteristics[256];

static void Prepare(const void **characteristics, const void **table) {
    for (ULONG i = 0; i < 64; i++)
        OwnTable[i] = Refuse;
    *table = OwnTable;
    if (CHARACTERISTICS_ARE_THERE)
        *characteristics = OwnCharacteristics;
}
static BOOLEAN Fits(const NPI_REGISTRATION_INSTANCE *peer, ULONGLONG *common) { return TRUE; }
static BOOLEAN FitsTable(const void *table) { return TRUE; }
static void CallPeer(BINDING *binding, const void *table) {}
static void Complete(CALL *call) {}
static void FreeLent(CALL *call) {}
";

/// The source of a stub that plays a side of this NPI.
pub(super) fn source(npi: NpiId, side: Side, modules: &[Module], characteristics: bool) -> String {
    let what = format!("for the NPI {npi}, which is not described");
    [
        source::head(&what, side, modules, 1, Conduct::Auto),
        format!(
            "#define CHARACTERISTICS_ARE_THERE {}\n\n",
            if characteristics { "TRUE" } else { "FALSE" }
        ),
        BODY.to_owned(),
        "\n".to_owned(),
        contract::identity(npi, modules, Conduct::Auto),
    ]
    .concat()
}
