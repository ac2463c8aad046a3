// SPDX-License-Identifier: MIT OR Apache-2.0

//! Histograms as charts, each with its table.

use std::ops::RangeInclusive;

use maud::{Markup, html};
use scenarios::{Histogram, Histograms};

use super::number::duration;
use crate::terminal::{count, grouped};

/// The height of the longest bar.
const HEIGHT: u64 = 120;
/// The distance from one bar to the next.
const STEP: u64 = 52;
/// The room below the bars for their labels, and above them for their counts.
const LABELS: u64 = 20;

/// How the values of a histogram are written.
type Write = fn(u64) -> String;

/// All that have values.
pub(super) fn charts(histograms: &Histograms) -> Markup {
    let all: [(&str, &str, &Histogram, Write); 4] = [
        (
            "Virtual time of a cycle",
            "From the first load to the last unload; a cycle that a finding ends is shorter.",
            &histograms.cycle_us,
            duration,
        ),
        (
            "Detach latency",
            "Virtual time from the call of a detach callback until that side has completed its \
             detach.",
            &histograms.detach_us,
            duration,
        ),
        (
            "Waits for a deregistration",
            "Virtual time spent in NmrWaitForClientDeregisterComplete and \
             NmrWaitForProviderDeregisterComplete.",
            &histograms.wait_us,
            duration,
        ),
        (
            "Calls in flight at detach",
            "Calls of a side into its peer that had not returned, or had pended and were not \
             complete, when its detach callback was called.",
            &histograms.in_flight_at_detach,
            grouped,
        ),
    ];
    html! {
        div.charts {
            @for (index, (name, meaning, histogram, write)) in all.iter().enumerate() {
                @if !histogram.is_empty() {
                    (chart(index, name, meaning, histogram, *write))
                }
            }
        }
    }
}

/// One bar: the values that it counts, how many there are, and its height.
struct Bar {
    values: RangeInclusive<u64>,
    count: u64,
    height: u64,
}

fn bars(histogram: &Histogram) -> Vec<Bar> {
    let most = histogram.buckets().map(|(_, count)| count).max();
    let most = u128::from(most.unwrap_or(1).max(1));
    let bar = |(values, count): (_, u64)| {
        let share = u128::from(count) * u128::from(HEIGHT);
        // What is rare is still seen.
        let height = u64::try_from(share.div_ceil(most)).unwrap_or(HEIGHT);
        Bar {
            values,
            count,
            height,
        }
    };
    histogram.buckets().map(bar).collect()
}

fn chart(index: usize, name: &str, meaning: &str, histogram: &Histogram, write: Write) -> Markup {
    let bars = bars(histogram);
    let total = format!(
        "{}; mean {}, longest {}",
        count(histogram.count(), "value", "values"),
        write(histogram.mean()),
        write(histogram.max())
    );
    let total = match index {
        3 => total.replace("longest", "most"),
        _ => total,
    };
    let width = STEP * bars.len() as u64;
    let height = HEIGHT + 2 * LABELS;
    let id = format!("chart-{index}");
    html! {
        figure {
            figcaption #(id) {
                strong { (name) } br;
                (meaning) br;
                (total) "."
            }
            div.wide role="region" aria-label={ "Chart: " (name) } tabindex="0" {
                svg.chart role="img" aria-labelledby=(id) width=(width) height=(height)
                    viewBox={ "0 0 " (width) " " (height) } {
                    @for (number, bar) in bars.iter().enumerate() {
                        (column(STEP * number as u64, bar, write))
                    }
                }
            }
            details {
                summary { "Values: " (name) }
                table {
                    caption { (name) }
                    thead { tr { th scope="col" { "Values" } th scope="col" { "Times" } } }
                    tbody {
                        @for bar in &bars {
                            tr {
                                th scope="row" { (range(&bar.values, write)) }
                                td { (grouped(bar.count)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A bar at `left`, its count above it, the least of its values below it.
fn column(left: u64, bar: &Bar, write: Write) -> Markup {
    let middle = left + STEP / 2;
    let top = LABELS + HEIGHT - bar.height;
    html! {
        @if bar.count > 0 {
            rect.bar x=(left + 4) y=(top) width=(STEP - 8) height=(bar.height) {}
            text x=(middle) y=(top - 5) { (short(bar.count)) }
        }
        text x=(middle) y=(HEIGHT + 2 * LABELS - 5) { (write(*bar.values.start())) }
    }
}

/// A count that fits above a bar.
fn short(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    }
}

fn range(values: &RangeInclusive<u64>, write: Write) -> String {
    if values.start() == values.end() {
        write(*values.start())
    } else {
        format!("{} to {}", write(*values.start()), write(*values.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_share() {
        let mut histogram = Histogram::default();
        for value in [1, 4, 4, 5, 5, 5] {
            histogram.add(value);
        }
        let heights: Vec<_> = bars(&histogram).iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [HEIGHT / 5, 0, HEIGHT]);
    }

    #[test]
    fn a_chart_says_what_it_shows() {
        let mut histograms = Histograms::default();
        histograms.wait_us.add(1_500);
        let text = charts(&histograms).into_string();
        for part in [
            "Waits for a deregistration",
            "1 value; mean 1.5 ms, longest 1.5 ms",
            "<th scope=\"row\">1 ms to 2 ms</th><td>1</td>",
            "role=\"img\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("Detach latency"), "{text}");
    }
}
