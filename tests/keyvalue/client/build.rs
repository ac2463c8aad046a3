// SPDX-License-Identifier: MIT OR Apache-2.0

//! Links the driver as `wdk-build` says.

fn main() -> Result<(), wdk_build::ConfigError> {
    wdk_build::configure_wdk_binary_build()
}
