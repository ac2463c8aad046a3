// SPDX-License-Identifier: MIT OR Apache-2.0

//! The sequence diagram of a cycle as an inline SVG: a lane for each driver, NMR, the
//! kernel and each thread; time goes down.
//!
//! Only what tells the story is drawn: loads and unloads, NMR's functions and callbacks,
//! calls that pended, waits within these, the last kernel calls before a finding, and the
//! finding. Of a long cycle that is the last part, and the diagram says so.

mod candidates;
mod drawing;
mod lanes;
mod story;

use scenarios::TraceEvent;

use super::flights::flights;
use story::Story;

/// The largest number of rows: more cannot be taken in. Where there is little room, less of
/// what came before the broken moment is drawn.
const ROWS: [usize; 4] = [36, 18, 9, 5];

/// The diagram of a cycle's events. Its colours are `currentColor` and variables of its
/// own, which a page may set.
pub(crate) fn svg(events: &[TraceEvent]) -> String {
    svg_within(events, usize::MAX)
}

/// The diagram in at most `room` bytes, if a few rows fit into these.
pub(crate) fn svg_within(events: &[TraceEvent], room: usize) -> String {
    let flights = flights(events);
    let mut diagram = String::new();
    for most in ROWS {
        diagram = drawing::svg(&Story::of(events, &flights, most)).into_string();
        if diagram.len() <= room {
            break;
        }
    }
    diagram
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, Events};
    use super::*;

    /// The elements of a diagram, by their start tags. Each of them is closed.
    fn elements(svg: &str) -> Vec<&str> {
        let mut open = Vec::new();
        let mut elements = Vec::new();
        for tag in svg.split('<').skip(1) {
            let tag = tag.split('>').next().expect("a tag");
            let name = tag.split(' ').next().expect("a name");
            if let Some(name) = name.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{svg}");
            } else {
                open.push(name);
                elements.push(tag);
            }
        }
        assert!(open.is_empty(), "{open:?}");
        elements
    }

    #[test]
    fn the_story_of_a_failing_cycle_is_drawn() {
        let svg = svg(&samples::failing());
        for text in [
            "provider.sys",
            "client.sys",
            ">NMR<",
            ">kernel<",
            "DriverEntry",
            "NmrRegisterClient",
            "ClientAttachProvider",
            "submit of binding 1",
            "DriverUnload",
            "ClientDetachProvider",
            "client.c:20",
            "R28: DriverUnload returned with &lt;one&gt; request &amp; no wait",
        ] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(!svg.contains("left out"), "{svg}");
        let elements = elements(&svg);
        let of_class = |class: &str| {
            let class = format!("class=\"{class}\"");
            elements.iter().filter(|it| it.contains(&class)).count()
        };
        // Two requests and a detach.
        assert_eq!(of_class("flight") + of_class("flight open"), 3);
        assert_eq!(of_class("flight open"), 2);
        assert_eq!(of_class("step broken"), 1);
    }

    #[test]
    fn the_last_part_of_a_long_cycle_is_drawn() {
        let mut events = Events::default();
        for request in 0..1000 {
            let npi = samples::submit(request);
            let name = format!("function {} of binding 1", request % 2);
            events.begin_call(3, &name, Some(npi.clone()));
            events.add(3, samples::returns(&name, 0x103, npi, true));
        }
        let mut events = events.0;
        events.extend(samples::failing());
        let svg = svg(&events);
        let count = elements(&svg)
            .iter()
            .filter(|it| !it.starts_with("title"))
            .count();
        assert!(count < 300, "{count}");
        assert!(svg.contains("earlier steps are left out"), "{svg}");
        assert!(svg.contains("step broken"), "{svg}");
    }

    #[test]
    fn the_broken_moment_is_drawn_where_there_is_little_room() {
        let events = samples::failing();
        let whole = svg(&events);
        let short = svg_within(&events, whole.len() - 1);
        elements(&short);
        assert!(short.len() < whole.len(), "{short}");
        assert!(short.contains("step broken"), "{short}");
        assert!(short.contains("earlier steps are left out"), "{short}");
        assert!(svg_within(&events, 0).contains("step broken"));
    }

    #[test]
    fn what_follows_itself_is_one_step() {
        let mut events = Events::default();
        for request in 0..6 {
            let npi = samples::submit(request);
            let name = "submit of binding 1";
            events.begin_call(3, name, Some(npi.clone()));
            events.add(3, samples::returns(name, 0x103, npi, true));
        }
        let svg = svg(&events.0);
        assert!(svg.contains("6 x submit of binding 1 = 0x103"), "{svg}");
        assert_eq!(svg.matches("class=\"flight open\"").count(), 6, "{svg}");
    }

    #[test]
    fn each_step_says_what_it_is() {
        let svg = svg(&samples::failing());
        let steps: Vec<_> = svg.split("<g class=\"step").skip(1).collect();
        assert!(steps.len() > 5);
        for step in steps {
            let (_, inner) = step.split_once('>').expect("a tag");
            assert!(inner.starts_with("<title>"), "{step}");
        }
        assert!(
            svg.contains("role=\"img\"") && svg.contains("<desc>"),
            "{svg}"
        );
    }

    #[test]
    fn a_cycle_without_events_has_a_diagram() {
        elements(&svg(&[]));
    }
}
