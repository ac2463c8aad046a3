// SPDX-License-Identifier: MIT OR Apache-2.0

//! The union of a module id is read by its type, which safe code can set to any value.

use nmr::abi::{LUID, MIT_GUID, NPI_MODULEID, NPI_MODULEID_VALUE, NmrIsEqualNpiModuleId};

fn main() {
    let id = NPI_MODULEID {
        Length: 24,
        Type: MIT_GUID,
        Value: NPI_MODULEID_VALUE {
            IfLuid: LUID {
                LowPart: 1,
                HighPart: 0,
            },
        },
    };
    assert!(NmrIsEqualNpiModuleId(&id, &id));
}
