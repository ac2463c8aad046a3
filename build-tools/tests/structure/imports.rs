// SPDX-License-Identifier: MIT OR Apache-2.0

//! The imports between modules that are side by side, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::{ModulePath, Tree};

/// The imports between the children of one module: for each pair, the first file.
type Graph<'a> = BTreeMap<(&'a str, &'a str), String>;

/// The circles of a crate, each described with the files that close it.
pub(crate) fn circles(tree: &Tree) -> Vec<String> {
    let mut graphs: BTreeMap<&[String], Graph<'_>> = BTreeMap::new();
    let resolved: Vec<_> = tree
        .modules
        .iter()
        .flat_map(|(path, module)| {
            let imports = module.imports.iter();
            imports.map(move |import| (path, module, resolve(tree, import)))
        })
        .collect();
    for (path, module, target) in &resolved {
        let common = path.iter().zip(target).take_while(|(a, b)| a == b).count();
        if let (Some(from), Some(to)) = (path.get(common), target.get(common)) {
            let graph = graphs.entry(&path[..common]).or_default();
            let pair = (from.as_str(), to.as_str());
            graph.entry(pair).or_insert_with(|| module.file.clone());
        }
    }
    graphs.values().flat_map(circles_of).collect()
}

/// The module that contains an imported item; re-exports are followed.
fn resolve(tree: &Tree, import: &[String]) -> ModulePath {
    let mut path = import.to_vec();
    // A chain of re-exports is not longer than the crate has modules.
    for _ in 0..tree.modules.len() {
        let known = (0..=path.len()).rev();
        let mut known = known.filter(|&length| tree.modules.contains_key(&path[..length]));
        let length = known.next().unwrap_or(0);
        let module = tree.modules.get(&path[..length]);
        let name = path.get(length);
        let target = module
            .zip(name)
            .and_then(|(it, name)| it.reexports.get(name));
        match target {
            Some(target) if *target != path => path.clone_from(target),
            _ => {
                path.truncate(length);
                break;
            }
        }
    }
    path
}

/// Every import from which there is a way back, grouped by circle.
fn circles_of(graph: &Graph<'_>) -> Vec<String> {
    let mut circles = BTreeMap::new();
    for ((from, to), file) in graph {
        let members = reachable(graph, to);
        if members.contains(from) {
            let back = members
                .iter()
                .filter(|it| reachable(graph, it).contains(from));
            let circle: BTreeSet<_> = back.copied().collect();
            let imports: &mut Vec<String> = circles.entry(circle).or_default();
            imports.push(format!("    {from} imports {to} in {file}"));
        }
    }
    let describe = |(circle, imports): (BTreeSet<&str>, Vec<String>)| {
        let names: Vec<_> = circle.into_iter().collect();
        format!("circle of {}:\n{}", names.join(", "), imports.join("\n"))
    };
    circles.into_iter().map(describe).collect()
}

/// The nodes to which there is a way from `start`, and `start`.
fn reachable<'a>(graph: &Graph<'a>, start: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([start]);
    let mut rest = vec![start];
    while let Some(node) = rest.pop() {
        for (from, to) in graph.keys() {
            if *from == node && found.insert(to) {
                rest.push(to);
            }
        }
    }
    found
}
