// SPDX-License-Identifier: MIT OR Apache-2.0

//! Draws a diagram.

use maud::{Markup, PreEscaped, html};

use super::candidates::Shape;
use super::lanes::Lane;
use super::story::{Bar, Row, Story};

const STYLE: &str = "\
.cycle-diagram{--diagram-broken:#b3261e;--diagram-flight:#3d6fb4;--diagram-quiet:#767676;\
font:12px system-ui,sans-serif;fill:currentColor}\
@media (prefers-color-scheme:dark){.cycle-diagram{--diagram-broken:#ff8a80;\
--diagram-flight:#8ab4f8;--diagram-quiet:#9e9e9e}}\
.cycle-diagram path{stroke:currentColor;fill:none}\
.cycle-diagram .lane,.cycle-diagram .return path{stroke-dasharray:4 3}\
.cycle-diagram .lane{stroke:var(--diagram-quiet)}\
.cycle-diagram .quiet{fill:var(--diagram-quiet)}\
.cycle-diagram .label{paint-order:stroke;stroke:Canvas;stroke-width:4px;stroke-linejoin:round}\
.cycle-diagram .flight{fill:var(--diagram-flight);opacity:.6}\
.cycle-diagram .open{stroke:var(--diagram-broken);stroke-width:2px}\
.cycle-diagram .broken text,.cycle-diagram .broken circle{fill:var(--diagram-broken)}\
.cycle-diagram .broken text{font-weight:bold}\
.cycle-diagram .band{fill:var(--diagram-broken);opacity:.15}";

/// The place of the first lane, and the distance between two.
const FIRST_LANE: usize = 130;
const LANE: usize = 170;
/// The same of threads.
const THREAD: usize = 22;
/// The width of the column of source lines.
const SOURCE: usize = 360;
/// The place of the first row, and the distance between two.
const FIRST_ROW: usize = 74;
const ROW: usize = 26;
/// The width of a bar, and the number of bars side by side.
const BAR: usize = 5;
const BARS: usize = 8;
/// The width of a character.
const CHARACTER: usize = 7;

pub(super) fn svg(story: &Story) -> Markup {
    let layout = Layout::of(story);
    let Layout { width, height, .. } = layout;
    let summary = summary(story);
    html! {
        svg class="cycle-diagram" xmlns="http://www.w3.org/2000/svg" role="img"
            aria-label=(summary) width=(width) height=(height)
            viewBox={ "0 0 " (width) " " (height) } {
            title { (summary) }
            desc { @for row in &story.rows { (describe(story, row)) ". " } }
            style { (PreEscaped(STYLE)) }
            (lanes(story, &layout))
            @for (index, bar) in story.bars.iter().enumerate() {
                (draw_bar(bar, index, story))
            }
            @for (index, row) in story.rows.iter().enumerate() {
                (draw_row(row, Layout::row(index), story, &layout))
            }
            @if story.left_out > 0 {
                text class="quiet" x="4" y=(FIRST_ROW - 22) {
                    (story.left_out) " earlier steps are left out"
                }
            }
        }
    }
}

/// Where everything is.
struct Layout {
    width: usize,
    height: usize,
    /// The place of the first thread, and of the source lines.
    threads: usize,
    source: usize,
    bottom: usize,
}

impl Layout {
    fn of(story: &Story) -> Self {
        let threads = FIRST_LANE + story.lanes.titles().len() * LANE - LANE / 2;
        let source = threads + story.threads.len() * THREAD + THREAD;
        let bottom = FIRST_ROW + story.rows.len() * ROW;
        Self {
            width: source + SOURCE,
            height: bottom + 24 + story.threads.len().div_ceil(THREADS_IN_LINE) * 18,
            threads,
            source,
            bottom,
        }
    }

    const fn lane(place: usize) -> usize {
        FIRST_LANE + place * LANE
    }

    const fn thread(&self, place: usize) -> usize {
        self.threads + place * THREAD
    }

    const fn row(index: usize) -> usize {
        FIRST_ROW + index * ROW
    }
}

/// The number of names in a line below the diagram, and the distance between two.
const THREADS_IN_LINE: usize = 5;
const NAME: usize = 210;

/// What the diagram shows, in a sentence.
fn summary(story: &Story) -> String {
    let is_broken = |row: &&Row| matches!(row.shape, Shape::Broken(_));
    story.rows.iter().find(is_broken).map_or_else(
        || "Sequence of the calls in the cycle".to_owned(),
        |row| format!("Sequence of the calls that lead to {}", row.label),
    )
}

/// A row in words.
fn describe(story: &Story, row: &Row) -> String {
    let thread = &story.threads[row.thread];
    let source = row.source.iter().map(|source| format!(" at {source}"));
    let source: String = source.collect();
    format!("{} us, {thread}: {}{source}", row.time, row.label)
}

/// The first characters of a text.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    start + "\u{2026}"
}

/// The lanes of the modules and threads.
fn lanes(story: &Story, layout: &Layout) -> Markup {
    let titles = story.lanes.titles();
    let threads = story.threads.iter().enumerate();
    let down = |x: usize| format!("M{x} {}V{}", FIRST_ROW - 16, layout.bottom);
    html! {
        @for (place, [title, below]) in titles.iter().enumerate() {
            @let x = Layout::lane(place);
            text x=(x) y="18" text-anchor="middle" { (title) }
            @if !below.is_empty() {
                text class="quiet" x=(x) y="34" text-anchor="middle" { (below) }
            }
            path class="lane" d=(down(x)) {}
        }
        @for (place, name) in threads {
            @let x = layout.thread(place);
            @let (line, column) = (place / THREADS_IN_LINE, place % THREADS_IN_LINE);
            text x=(x) y="34" text-anchor="middle" { "T" (place + 1) }
            path class="lane" d=(down(x)) {}
            text class="quiet" x=(FIRST_LANE / 2 + column * NAME) y=(layout.bottom + 24 + line * 18) {
                "T" (place + 1) " " (shortened(name, NAME / CHARACTER))
            }
        }
    }
}

fn draw_bar(bar: &Bar, index: usize, story: &Story) -> Markup {
    let class = if bar.end.is_some() {
        "flight"
    } else {
        "flight open"
    };
    let x = Layout::lane(bar.lane) + BAR + index % BARS * (BAR + 2);
    let top = bar.begin.map_or(FIRST_ROW - ROW / 2, Layout::row);
    let end = bar
        .end
        .unwrap_or_else(|| story.rows.len().saturating_sub(1));
    let height = Layout::row(end).saturating_sub(top).max(BAR);
    html! {
        rect class=(class) x=(x) y=(top) width=(BAR) height=(height) rx="2" {
            title { (bar.label) }
        }
    }
}

fn draw_row(row: &Row, y: usize, story: &Story, layout: &Layout) -> Markup {
    let class = match row.shape {
        Shape::Call(..) | Shape::Mark(_) => "step",
        Shape::Return(..) => "step return",
        Shape::Broken(_) => "step broken",
    };
    let short = shortened(&row.label, (layout.threads - FIRST_LANE) / CHARACTER);
    html! {
        g class=(class) {
            title { (describe(story, row)) }
            @if matches!(row.shape, Shape::Broken(_)) {
                rect class="band" x="0" y=(y - ROW / 2) width=(layout.width) height=(ROW) {}
            }
            text class="quiet" x="60" y=(y + 4) text-anchor="end" { (row.time) }
            (shape(row, y, story, &short))
            circle cx=(layout.thread(row.thread)) cy=(y) r="4" {}
            @if let Some(source) = &row.source {
                text class="quiet" x=(layout.source) y=(y + 4) {
                    (shortened(source, SOURCE / CHARACTER))
                }
            }
        }
    }
}

/// An arrow with its label above it, or a mark with its label beside it.
fn shape(row: &Row, y: usize, story: &Story, label: &str) -> Markup {
    let place = |lane| Layout::lane(story.lanes.place(lane));
    match &row.shape {
        Shape::Call(from, to) | Shape::Return(from, to) if from != to => {
            let (from, to) = (place(from), place(to));
            // The head points to where the arrow comes to.
            let head = if from < to {
                "l-7 -4m7 4l-7 4"
            } else {
                "l7 -4m-7 4l7 4"
            };
            html! {
                path d={ "M" (from) " " (y) "H" (to) (head) } {}
                text class="label" x=(from.midpoint(to)) y=(y - 4) text-anchor="middle" { (label) }
            }
        }
        Shape::Call(lane, _) | Shape::Return(lane, _) | Shape::Mark(lane) | Shape::Broken(lane) => {
            let x = place(lane);
            let is_long = label.len() * CHARACTER > LANE;
            // A long label begins where there is room for it, one at the last lane ends there.
            let (start, anchor) = if matches!(row.shape, Shape::Broken(_)) && is_long {
                (FIRST_LANE / 2 + 10, "start")
            } else if *lane == Lane::Kernel {
                (x - 10, "end")
            } else {
                (x + 10, "start")
            };
            html! {
                circle cx=(x) cy=(y) r="5" {}
                text class="label" x=(start) y=(y + 4) text-anchor=(anchor) { (label) }
            }
        }
    }
}
