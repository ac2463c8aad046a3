// SPDX-License-Identifier: MIT OR Apache-2.0

//! The role of each driver of a cycle, by what it registers when it is loaded alone.

use std::collections::BTreeMap;
use std::rc::Rc;

use nmr::abi::NPIID;
use scenarios::{Cycle, Role, Script};

use crate::loader::image::Image;
use crate::run::machine::Machine;
use crate::run::options::{Images, Tracing};

/// The registrations of a driver: its role in an NPI each.
type Registrations = Vec<(Role, NPIID)>;

impl Images {
    /// These drivers, each as a provider or as a client.
    ///
    /// A driver that is both is loaded as a provider, unless more of the others can
    /// attach to it as a client.
    pub fn by_role(images: Vec<Rc<Image>>, machine: &mut Machine) -> Self {
        let registered: Vec<_> = images
            .iter()
            .map(|image| {
                let alone = Self {
                    providers: vec![Rc::clone(image)],
                    clients: Vec::new(),
                };
                registrations(machine, alone)
            })
            .collect();
        let mut all = Self::default();
        for (image, role) in images.into_iter().zip(assign(&registered)) {
            match role {
                Role::Provider => all.providers.push(image),
                Role::Client => all.clients.push(image),
            }
        }
        all
    }
}

/// What the only one of these images registers when it is loaded.
fn registrations(machine: &mut Machine, image: Images) -> Registrations {
    let instances = image.count().expect("it is one");
    let script: Script = "+p~100.-p".parse().expect("a script");
    let cycle = Cycle::in_turn(0, 0, Some(instances)).with_script(script);
    machine.install(image, BTreeMap::new());
    machine.run(0, &cycle, 0, Tracing::Off).registered
}

/// The role of each driver.
fn assign(registered: &[Registrations]) -> Vec<Role> {
    let has = |registrations: &Registrations, role| registrations.iter().any(|it| it.0 == role);
    let role = |registrations| {
        if has(registrations, Role::Provider) {
            Role::Provider
        } else {
            Role::Client
        }
    };
    let mut roles: Vec<_> = registered.iter().map(role).collect();
    // The driver that was named first is rather the provider.
    for (index, registrations) in registered.iter().enumerate().rev() {
        if roles[index] == Role::Client || !has(registrations, Role::Client) {
            continue;
        }
        let before = links(registered, &roles);
        roles[index] = Role::Client;
        if links(registered, &roles) <= before {
            roles[index] = Role::Provider;
        }
    }
    roles
}

/// The number of pairs of a provider and a client that have an NPI in common.
fn links(registered: &[Registrations], roles: &[Role]) -> usize {
    let of = |role| {
        let drivers = registered.iter().zip(roles);
        drivers.filter(move |(_, own)| **own == role)
    };
    let has = |registrations: &Registrations, one| registrations.contains(&one);
    of(Role::Provider)
        .flat_map(|(provider, _)| of(Role::Client).map(move |(client, _)| (provider, client)))
        .filter(|(provider, client)| {
            let mut provided = provider.iter().filter(|(role, _)| *role == Role::Provider);
            provided.any(|&(_, npi)| has(client, (Role::Client, npi)))
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenarios::Role::{Client, Provider};

    const fn npi(number: u128) -> NPIID {
        NPIID::from_u128(number)
    }

    #[test]
    fn roles_come_from_what_drivers_register() {
        let (echo, other) = (npi(1), npi(2));
        for (registered, roles) in [
            (vec![vec![(Provider, echo)]], vec![Provider]),
            (vec![vec![]], vec![Client]),
            (
                vec![vec![(Client, echo)], vec![(Provider, echo)]],
                vec![Client, Provider],
            ),
            // Each is both.
            (
                vec![
                    vec![(Provider, echo), (Client, other)],
                    vec![(Provider, other), (Client, echo)],
                ],
                vec![Provider, Client],
            ),
            // A chain: the driver in the middle is both.
            (
                vec![
                    vec![(Provider, echo)],
                    vec![(Client, echo), (Provider, other)],
                    vec![(Client, other)],
                ],
                vec![Provider, Provider, Client],
            ),
        ] {
            assert_eq!(assign(&registered), roles, "{registered:?}");
        }
    }
}
