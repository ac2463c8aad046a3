# SPDX-License-Identifier: MIT OR Apache-2.0

# The drivers and the simulated kernel on any host with containers. The Linux workflow
# builds it; docs/other-hosts.md says how to use it.

# What a fresh Debian has after the README's first step: Rust. The dev container is this.
FROM debian:12 AS tools
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl gcc git libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup PATH=/usr/local/cargo/bin:$PATH
RUN curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs \
    | sh -s -- -y --no-modify-path --profile minimal --component clippy,rustfmt

# The drivers and the simulated kernel, built: cargo xtask installs what it needs.
FROM tools AS pair
WORKDIR /nmr
COPY . .
RUN cargo xtask stress --cycles 10 --seed 1 \
    && rm -rf /var/lib/apt/lists/* target/report
ENTRYPOINT ["cargo", "xtask"]
CMD ["stress"]
