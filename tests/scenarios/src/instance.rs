// SPDX-License-Identifier: MIT OR Apache-2.0

//! The drivers of a cycle: one or more instances of each role.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};

/// Which of the two drivers.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The driver that provides the NPI.
    Provider,
    /// The driver that consumes it.
    Client,
}

impl Role {
    /// Both, in no particular order.
    pub const ALL: [Self; 2] = [Self::Provider, Self::Client];

    /// The other one.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Provider => Self::Client,
            Self::Client => Self::Provider,
        }
    }

    /// The name of its service.
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Client => "client",
        }
    }

    /// Its first instance, which is often the only one.
    #[must_use]
    pub const fn first(self) -> Instance {
        Instance {
            role: self,
            number: 1,
        }
    }
}

/// One driver: an image mapped by itself, with statics of its own, as if its
/// file had been copied and installed as another service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instance {
    /// Which of the two drivers it is.
    pub role: Role,
    /// Which of those, from 1.
    pub number: u8,
}

/// The name of its service: `client`, `client2`.
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.role.service())?;
        match self.number {
            1 => Ok(()),
            number => write!(f, "{number}"),
        }
    }
}

/// How many instances of each driver there are: `2x3` is two providers and
/// three clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instances {
    /// Providers.
    pub providers: u8,
    /// Clients.
    pub clients: u8,
}

impl Instances {
    /// There are no more of either.
    pub const MOST: u8 = 8;
    /// The maximum number of drawn instances: defects with several instances show with three.
    const DRAWN: u8 = 3;

    /// Returns `true` if there is one of each.
    #[must_use]
    pub const fn is_pair(self) -> bool {
        self.providers == 1 && self.clients == 1
    }

    /// The number of instances of a role.
    #[must_use]
    pub const fn of(self, role: Role) -> u8 {
        match role {
            Role::Provider => self.providers,
            Role::Client => self.clients,
        }
    }

    /// Returns `true` if there is at least one of each.
    #[must_use]
    pub const fn has_both(self) -> bool {
        self.providers > 0 && self.clients > 0
    }

    /// As many of each, and none where there is no image.
    #[must_use]
    pub const fn of_images(self, images: Self) -> Self {
        Self {
            providers: if images.providers == 0 {
                0
            } else {
                self.providers
            },
            clients: if images.clients == 0 { 0 } else { self.clients },
        }
    }

    /// Returns `true` if there are as many of each as `images`, or more.
    #[must_use]
    pub const fn cover(self, images: Self) -> bool {
        self.providers >= images.providers && self.clients >= images.clients
    }

    /// As many of each, but at least one instance of each of `images`, and none where
    /// there is no image.
    pub(crate) fn covering(self, images: Self) -> Self {
        let all = Self {
            providers: self.providers.max(images.providers),
            clients: self.clients.max(images.clients),
        };
        all.of_images(images)
    }

    /// All of them.
    pub fn all(self) -> impl Iterator<Item = Instance> {
        let of = |role, count| (1..=count).map(move |number| Instance { role, number });
        of(Role::Provider, self.providers).chain(of(Role::Client, self.clients))
    }

    /// A few, but no pair.
    pub(crate) fn several(random: &mut impl Rng) -> Self {
        /// All sizes but 1x1, counted from 1.
        const SIZES: u8 = Instances::DRAWN * Instances::DRAWN;
        let size = random.random_range(1..SIZES);
        Self {
            providers: size / Self::DRAWN + 1,
            clients: size % Self::DRAWN + 1,
        }
    }
}

/// One of each.
impl Default for Instances {
    fn default() -> Self {
        Self {
            providers: 1,
            clients: 1,
        }
    }
}

impl fmt::Display for Instances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.providers, self.clients)
    }
}

impl FromStr for Instances {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = |text: &str| {
            let count = text.parse().ok()?;
            (0..=Self::MOST).contains(&count).then_some(count)
        };
        let parsed = text.split_once('x').and_then(|(providers, clients)| {
            Some(Self {
                providers: count(providers)?,
                clients: count(clients)?,
            })
        });
        let parsed = parsed.filter(|it| it.providers > 0 || it.clients > 0);
        parsed.ok_or_else(|| {
            let most = Self::MOST;
            format!("`{text}` is no number of instances: 2x3 is two providers and three clients, {most}x{most} the most")
        })
    }
}

/// Some size, or none.
#[cfg(test)]
pub(crate) fn sizes() -> impl proptest::strategy::Strategy<Value = Option<Instances>> {
    use proptest::prelude::*;

    let size = (1..=Instances::MOST, 1..=Instances::MOST);
    proptest::option::of(size.prop_map(|(providers, clients)| Instances { providers, clients }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sizes_are_read_as_they_are_written(size in sizes()) {
            let size = size.unwrap_or_default();
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
    }

    #[test]
    fn what_is_no_size_is_named() {
        for text in ["", "2", "0x0", "9x1", "2x3x1", "ax1", "256x1"] {
            let error = text.parse::<Instances>().expect_err("no size");
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn the_first_instance_has_its_roles_name() {
        let names: Vec<_> = Instances {
            providers: 1,
            clients: 2,
        }
        .all()
        .map(|instance| instance.to_string())
        .collect();
        assert_eq!(names, ["provider", "client", "client2"]);
    }
}
