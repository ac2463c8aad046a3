// SPDX-License-Identifier: MIT OR Apache-2.0

//! Splits a source file into words and punctuation, without comments and literals.

/// A token: an identifier, `::`, or one other character.
pub(crate) type Token = String;

/// The tokens of `source`.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c == '_' || c.is_alphanumeric();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest) {
            length
        } else if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character literal with which `text` begins.
fn literal(text: &str) -> Option<usize> {
    let raw = text.trim_start_matches('b').strip_prefix('r');
    if let Some(raw) = raw.filter(|raw| text.len() - raw.len() <= 2) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = text.len() - raw.len() + hashes + 1;
            let length = text[start..].find(&end).map(|at| start + at + end.len());
            return Some(length.unwrap_or(text.len()));
        }
    }
    let quote = text.strip_prefix('b').unwrap_or(text);
    let start = text.len() - quote.len() + 1;
    if quote.starts_with('"') {
        return Some(start + closing(&text[start..], '"'));
    }
    // A lifetime has no closing quote behind its first character.
    let mut characters = quote.strip_prefix('\'')?.chars();
    let is_character = match characters.next()? {
        '\\' => true,
        _ => characters.next() == Some('\''),
    };
    is_character.then(|| start + closing(&text[start..], '\''))
}

/// The length of `text` up to and including the first `quote` that is not escaped.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[test]
fn comments_and_literals_are_left_out() {
    let source = r##"a::b /* c */ // d
        "e \" crate" 'f' '\'' b"g" r#"h "i"# 'static x"##;
    let expected = ["a", "::", "b", "'", "static", "x"];
    assert_eq!(tokens(source), expected);
}
