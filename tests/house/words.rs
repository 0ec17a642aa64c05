//! Plain English in every source and document: the field's word for a thing, and a task is an "it".

use crate::tree::{self, Source};

/// Words and phrases with a better one, in small letters.
const BANNED: &[&str] = &[
    "who",
    "whoever",
    "whom",
    "whomever",
    "he",
    "him",
    "his",
    "she",
    "nobody",
    "somebody",
    "everybody",
    "anybody",
    "be it",
    "is told",
    "was told",
    "are told",
    "were told",
    "comes to be",
    "come to be",
    "lets go of",
    "let go of",
    "such a",
    "what is no more",
    "more than nothing",
];

/// Lines that have to have such a word: the end of the file's path, a part of the line, and why.
const ALLOWED: &[(&str, &str, &str)] = &[(
    "tests/house/words.rs",
    "",
    "the list of the words that are banned",
)];

/// A word of a text, or a sign between words, and its line.
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// The words of a text. A phrase may go over the end of a line: the marks of comments, lists and
/// quotations do not count.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let marks = |c: char| c.is_whitespace() || "/!#>*-|".contains(c);
        let mut rest = line.trim_start_matches(marks);
        while let Some(first) = rest.chars().next() {
            // What a name is made of is no word: `nobody_listens` is not "nobody".
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let len = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                let text = &rest[..len];
                tokens.push(Token {
                    text,
                    line: index + 1,
                });
            }
            rest = &rest[len..];
        }
    }
    tokens
}

/// Where banned words are: the line, and the words.
fn banned(text: &str) -> Vec<(usize, &'static str)> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        for phrase in BANNED {
            let mut following = tokens[at..].iter();
            let is_here = phrase.split(' ').all(|word| {
                let token = following.next();
                token.is_some_and(|token| token.text.eq_ignore_ascii_case(word))
            });
            if is_here {
                found.push((token.line, *phrase));
            }
        }
    }
    found
}

fn is_allowed(source: &Source, line: &str) -> bool {
    ALLOWED
        .iter()
        .any(|(path, part, _)| source.path.ends_with(path) && line.contains(part))
}

#[test]
fn words_are_plain() {
    let sources = tree::sources(&[".rs", ".md"]);
    assert!(sources.len() > 300, "{}", sources.len());
    let mut found = Vec::new();
    for source in &sources {
        let lines: Vec<_> = source.text.lines().collect();
        for (line, word) in banned(&source.text) {
            let text = lines[line - 1];
            if !is_allowed(source, text) {
                found.push((source, line, format!("\"{word}\" in: {}", text.trim())));
            }
        }
    }
    tree::report("plain words", found);
}

/// `error` is the name of an error everywhere.
#[test]
fn an_error_is_called_error() {
    let sources = tree::sources(&[".rs"]);
    let mut found = Vec::new();
    for source in &sources {
        for (index, line) in source.text.lines().enumerate() {
            let named = ["|err|", "(err)", "{err}", "{err:"]
                .iter()
                .any(|name| line.contains(name));
            if named && !source.path.ends_with("house/words.rs") {
                found.push((source, index + 1, format!("`err` in: {}", line.trim())));
            }
        }
    }
    tree::report("errors are called `error`", found);
}

#[test]
fn words_are_found_over_the_ends_of_lines_and_not_in_names() {
    let text = "// The reader is\n// told. Nobody, nobody_else, whoever's\n";
    let found = banned(text);
    assert_eq!(found, [(1, "is told"), (2, "nobody"), (2, "whoever")]);
    assert_eq!(banned("what it is. Told there: the schema"), []);
}
