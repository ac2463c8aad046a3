// SPDX-License-Identifier: MIT OR Apache-2.0

//! Configures the driver's build.

fn main() -> Result<(), wdk_build::ConfigError> {
    wdk_build::configure_wdk_binary_build()
}
