// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run in which nothing attached: it has tested nothing, and is no success.

use std::path::Path;

use scenarios::Report;

/// The line that says that no client attached to a provider, and what each of `images`
/// registered; `None` if one did attach.
pub(super) fn reason(report: &Report, images: [&Path; 2]) -> Option<String> {
    if report.counts.attaches > 0 || !report.is_clean() {
        return None;
    }
    let mut line = format!(
        "not tested: in {} cycles no client attached to a provider",
        report.cycles_done
    );
    let registered = &report.counts.registered;
    // Only the simulated kernel records what is registered.
    if report.tier == "sim" {
        let of = |image: &Path| {
            let name = image.file_name().unwrap_or_default().to_string_lossy();
            let roles: Vec<_> = registered
                .get(name.as_ref())
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            if roles.is_empty() {
                format!("{name} registered nothing")
            } else {
                format!("{name} is {}", roles.join(", "))
            }
        };
        let [provider, client] = images.map(of);
        line = format!("{line}: {provider}; {client}");
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(attaches: u64) -> Report {
        let mut report = Report::new("sim", 1, 5);
        report.cycles_done = 5;
        report.counts.attaches = attaches;
        let role = "provider of {1e32787f-806c-4f83-98e4-7dbec5129701}".to_owned();
        let registered = &mut report.counts.registered;
        registered
            .entry("a.sys".to_owned())
            .or_default()
            .insert(role);
        report
    }

    #[test]
    fn what_each_side_registered_stands_in_one_line() {
        let images = [Path::new("x/a.sys"), Path::new("y/b.sys")];
        assert_eq!(
            reason(&report(0), images).as_deref(),
            Some(
                "not tested: in 5 cycles no client attached to a provider: a.sys is provider of \
                 {1e32787f-806c-4f83-98e4-7dbec5129701}; b.sys registered nothing"
            )
        );
        assert_eq!(reason(&report(1), images), None);
    }
}
