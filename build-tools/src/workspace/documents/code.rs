// SPDX-License-Identifier: MIT OR Apache-2.0

//! Code in documents: the blocks, by what their fences promise, and commands in sentences.

use std::ops::Range;

use child::program::{NMR, XTASK};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// What the fence of a block says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// Commands that succeed.
    Run,
    /// Commands that end with exit status 1.
    ShouldFail,
    /// Commands that succeed outside of the checkout.
    Elsewhere,
    /// Commands that are not run.
    NoRun,
    /// The output of a command.
    Output(String),
    /// Lines of a file, by its path from the root of the workspace.
    Quotation(String),
    /// Anything else: nothing is promised.
    Other,
    /// A fence with words that have no meaning.
    Unknown(String),
}

/// A code block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line of its first line of text, from 1.
    pub(crate) line: usize,
    pub(crate) fence: Fence,
    pub(crate) text: String,
}

impl Block {
    /// The first line that `printed` does not have where this block has it, numbers and
    /// gaps aside; a line `...` stands for lines left out.
    pub(crate) fn first_line_not_in(&self, printed: &str) -> Option<String> {
        let shapes = |text: &str| text.lines().map(shape).collect::<Vec<_>>().join("\n");
        first_line_missing(&shapes(&self.text), &shapes(printed), "...").map(str::to_owned)
    }

    /// Its commands without comments, with their lines. A backslash continues a line.
    pub(crate) fn commands(&self) -> Vec<(usize, String)> {
        let mut commands: Vec<(usize, String)> = Vec::new();
        let mut continues = false;
        for (number, line) in self.text.lines().enumerate() {
            let code = without_comment(line);
            let (code, goes_on) = code
                .strip_suffix('\\')
                .map_or((code, false), |code| (code.trim_end(), true));
            match commands.last_mut() {
                Some((_, command)) if continues => *command = format!("{command} {code}"),
                _ if code.is_empty() => {}
                _ => commands.push((self.line + number, code.to_owned())),
            }
            continues = goes_on;
        }
        commands
    }
}

/// A line of output with each number as `#` and each gap as one space.
fn shape(line: &str) -> String {
    let mut shape = String::new();
    for word in line.split_whitespace() {
        if !shape.is_empty() {
            shape.push(' ');
        }
        let mut in_number = false;
        for it in word.chars() {
            let continues = it.is_ascii_digit() || (in_number && matches!(it, ',' | '.'));
            if !continues {
                shape.push(it);
            } else if !in_number {
                shape.push('#');
            }
            in_number = continues;
        }
    }
    shape
}

/// A line up to its comment, trimmed. In this project's commands no word contains " #".
fn without_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') {
        return "";
    }
    line.split_once(" #")
        .map_or(line, |(code, _)| code.trim_end())
}

/// The events of a document with their places.
pub(super) fn events(text: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_GFM).into_offset_iter()
}

/// The number of the line at this place, from 1.
pub(super) fn line(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (event, place) in events(text) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let (fence, below) = match kind {
                    CodeBlockKind::Fenced(words) => (fence(&words), 1),
                    CodeBlockKind::Indented => (Fence::Other, 0),
                };
                open = Some(Block {
                    line: line(text, place.start) + below,
                    fence,
                    text: String::new(),
                });
            }
            Event::Text(part) => {
                if let Some(block) = &mut open {
                    block.text.push_str(&part);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

fn fence(words: &str) -> Fence {
    let (language, rest) = words.split_once(' ').unwrap_or((words, ""));
    match (language, rest) {
        ("sh", "") => Fence::Run,
        ("sh", "should_fail") => Fence::ShouldFail,
        ("sh", "elsewhere") => Fence::Elsewhere,
        ("sh", "no_run") => Fence::NoRun,
        ("text", command) if is_ours(command) => Fence::Output(command.to_owned()),
        ("rust", path) if !path.is_empty() => Fence::Quotation(path.to_owned()),
        ("bat" | "c" | "json" | "rust" | "text" | "toml" | "yaml", "") => Fence::Other,
        // Rustdoc's words for examples.
        (language, "") if language.starts_with("rust,") || language == "no_run" => Fence::Other,
        _ => Fence::Unknown(words.to_owned()),
    }
}

/// Returns `true` for a command of this program, by either name.
pub(crate) fn is_ours(command: &str) -> bool {
    [XTASK, NMR].into_iter().any(|words| {
        let rest = command.strip_prefix(words);
        rest.is_some_and(|rest| rest.starts_with(' '))
    })
}

pub(super) fn commands_in_sentences(text: &str) -> Vec<(usize, String)> {
    events(text)
        .filter_map(|(event, place)| match event {
            Event::Code(code) if is_ours(&code) => {
                Some((line(text, place.start), code.replace('\n', " ")))
            }
            _ => None,
        })
        .collect()
}

/// The first line of `quotation` that does not stand in `source` below the line before
/// it. Indentation and empty lines do not count. Where `elision` stands, lines are left
/// out; elsewhere the next line must follow at once.
pub(super) fn first_line_missing<'quotation>(
    quotation: &'quotation str,
    source: &str,
    elision: &str,
) -> Option<&'quotation str> {
    let lines: Vec<_> = significant(source).collect();
    let mut next = 0;
    let mut anywhere = true;
    for line in significant(quotation) {
        if line == elision {
            anywhere = true;
            continue;
        }
        let found = if anywhere {
            lines[next..].iter().position(|it| *it == line)
        } else {
            lines.get(next).filter(|it| **it == line).map(|_| 0)
        };
        let Some(distance) = found else {
            return Some(line);
        };
        next += distance + 1;
        anywhere = false;
    }
    None
}

fn significant(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_their_place_and_promise() {
        let text = "# A\n\n```sh\ncargo xtask stress   # why\n```\n\n- item\n\n  ```sh no_run\n  a\n  ```\n\n```text cargo xtask zoo\nx\n```\n\n```shell\n```\n";
        let found = blocks(text);
        let fences: Vec<_> = found.iter().map(|it| (it.line, it.fence.clone())).collect();
        assert_eq!(
            fences,
            [
                (4, Fence::Run),
                (10, Fence::NoRun),
                (14, Fence::Output("cargo xtask zoo".to_owned())),
                (18, Fence::Unknown("shell".to_owned())),
            ]
        );
        assert_eq!(found[0].commands(), [(4, "cargo xtask stress".to_owned())]);
    }

    #[test]
    fn commands_lose_their_comments_and_may_span_lines() {
        let block = Block {
            line: 10,
            fence: Fence::Run,
            text: "# all\na b \\\n  c   # d\n\ne\n".to_owned(),
        };
        assert_eq!(
            block.commands(),
            [(11, "a b c".to_owned()), (14, "e".to_owned())]
        );
    }

    #[test]
    fn output_is_compared_without_its_numbers() {
        let block = |text: &str| Block {
            line: 1,
            fence: Fence::Other,
            text: text.to_owned(),
        };
        let printed = "  cycles   1,000\n  calls  7\nPASS  1,000 cycles in 0.9 s: 0 findings\n";
        let shown = block("cycles 2\n...\nPASS 20 cycles in 1.2 s: 0 findings\n");
        assert_eq!(shown.first_line_not_in(printed), None);
        let shown = block("cycles 2\nFAIL\n");
        assert_eq!(shown.first_line_not_in(printed).as_deref(), Some("FAIL"));
    }

    #[test]
    fn a_quotation_follows_its_source() {
        let source = "fn f() {\n    a();\n\n    b();\n    c();\n}\n";
        let missing = |quotation| first_line_missing(quotation, source, "// ...");
        assert_eq!(missing("a();\nb();\n// ...\n}"), None);
        assert_eq!(missing("a();\nc();"), Some("c();"));
        assert_eq!(missing("b();\n// ...\na();"), Some("a();"));
        assert_eq!(missing("d();"), Some("d();"));
    }
}
