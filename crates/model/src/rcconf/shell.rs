//! As much of sh(1) as it takes to find assignments, and to keep away from everything else.
//!
//! One pass over the bytes. An assignment counts where it is a command of its own, outside of `if`, `case`, loops,
//! braces, parentheses, pipelines and what follows `&&` or `||`.

use std::ops::Range;

use super::{Assignment, Scan};

/// Length of the name that `bytes` begin with; 0 if they do not.
pub(super) fn name_length(bytes: &[u8]) -> usize {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    if !bytes.first().is_some_and(is_first) {
        return 0;
    }
    bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count()
}

/// Quotes a value as sysrc(8) does, so that the shell reads back exactly it.
pub(super) fn quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for character in value.chars() {
        if matches!(character, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// Finds the assignments of a script.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let mut scanner = Scanner::new(bytes);
    while scanner.at < bytes.len() {
        scanner.command();
    }
    let is_complete = !scanner.is_broken && scanner.blocks.is_empty() && scanner.here_documents.is_empty();
    Scan { assignments: scanner.assignments, is_complete: is_complete && !scanner.is_conditional }
}

/// What has been opened, and waits for its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    If,
    Case,
    Loop,
    Brace,
    Parenthesis,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    assignments: Vec<Assignment>,
    blocks: Vec<Block>,
    /// Whether the next command runs only if the one before did well, or did not, or in a pipeline.
    is_conditional: bool,
    /// Delimiters of here documents that begin after this line; whether their tabs go.
    here_documents: Vec<(Vec<u8>, bool)>,
    /// Whether the end came within a quote or an expansion.
    is_broken: bool,
}

impl<'a> Scanner<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Scanner {
            bytes,
            at: 0,
            assignments: Vec::new(),
            blocks: Vec::new(),
            is_conditional: false,
            here_documents: Vec::new(),
            is_broken: false,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Skips blanks, and line ends that a backslash hides.
    fn blanks(&mut self) {
        loop {
            match self.rest() {
                [b' ' | b'\t' | b'\r', ..] => self.at += 1,
                [b'\\', b'\n', ..] => self.at += 2,
                // At the very end it hides the line end that a new line needs before it.
                [b'\\'] => self.at += 1,
                _ => return,
            }
        }
    }

    /// Reads one command up to what ends it, and the end.
    fn command(&mut self) {
        self.blanks();
        let begin = self.at;
        let mut found = Vec::new();
        let (mut is_export, mut has_names) = (false, false);
        let mut is_only_assignments = true;
        let mut is_first = true;
        loop {
            self.blanks();
            let word_start = self.at;
            match self.peek() {
                None | Some(b'\n' | b';' | b'&' | b'|') => break,
                Some(b'#') => {
                    self.comment();
                    break;
                }
                Some(b'(') => {
                    self.open(Block::Parenthesis);
                    is_only_assignments = false;
                    // What stands inside is a command of its own, as is what follows `name()`.
                    break;
                }
                Some(b')') => {
                    self.close(Block::Parenthesis);
                    is_only_assignments = false;
                    break;
                }
                Some(b'<' | b'>') => {
                    self.redirection();
                    is_only_assignments = false;
                    continue;
                }
                Some(_) => {}
            }
            let name = name_length(self.rest());
            let is_assignment = name > 0 && self.rest().get(name) == Some(&b'=');
            self.word();
            let word = &self.bytes[word_start..self.at];
            if is_assignment && is_only_assignments {
                found.push(self.assignment(word_start, name));
            } else if is_first && word == b"export" {
                is_export = true;
            } else if is_first && self.keyword(word) {
                // The next word begins a command again.
                return;
            } else if is_export && name == word.len() {
                has_names = true;
            } else {
                is_only_assignments = false;
            }
            is_first = false;
        }
        if !is_only_assignments {
            found.clear();
        }
        self.end_command(begin, found, has_names);
    }

    /// Takes what ends a command, and judges the assignments that it is made of.
    fn end_command(&mut self, begin: usize, mut found: Vec<Assignment>, has_names: bool) {
        let end = self.at;
        let was_conditional = std::mem::take(&mut self.is_conditional);
        let (length, runs_here) = match self.rest() {
            [b'&', b'&', ..] | [b'|', b'|', ..] => (2, true),
            [b'|' | b'&', ..] => (1, false),
            [b';' | b'\n', ..] => (1, true),
            _ => (0, true),
        };
        let is_line_end = self.peek() == Some(b'\n');
        // Line ends and comments after `&&` and `|` are no command, and do not end the condition.
        let is_empty = begin == end || self.bytes[begin] == b'#';
        self.is_conditional = length == 2 || self.peek() == Some(b'|') || was_conditional && is_empty;
        let has_semicolon = self.peek() == Some(b';');
        self.at += length;
        if is_line_end {
            self.here_document_bodies();
        }
        let always = self.blocks.is_empty() && !was_conditional && runs_here && !self.is_broken;
        found.iter_mut().for_each(|assignment| assignment.always = always);
        let is_of_one_name = found.windows(2).all(|pair| pair[0].name == pair[1].name) && !has_names;
        if let [first, others @ ..] = found.as_mut_slice()
            && is_of_one_name
        {
            // The command goes as a whole, with `export` and the semicolon; before an operator one has to remain.
            let last = others.last().unwrap_or(first).value_span.end;
            let stop = if has_semicolon { end + 1 } else { last };
            first.span = begin..stop;
            first.remains = if length == 2 { ":" } else { "" };
            others.iter_mut().for_each(|other| other.span = stop..stop);
        }
        self.assignments.append(&mut found);
    }

    fn comment(&mut self) {
        self.at += self.rest().iter().position(|byte| *byte == b'\n').unwrap_or(self.rest().len());
    }

    fn open(&mut self, block: Block) {
        self.at += 1;
        self.blocks.push(block);
    }

    fn close(&mut self, block: Block) {
        self.at += 1;
        // The parenthesis after a pattern of `case` closes nothing.
        if self.blocks.last() == Some(&block) {
            self.blocks.pop();
        }
    }

    /// Takes a word that opens or closes something; tells whether the next word begins a command.
    fn keyword(&mut self, word: &[u8]) -> bool {
        match word {
            b"if" => self.blocks.push(Block::If),
            b"while" | b"until" => self.blocks.push(Block::Loop),
            b"{" => self.blocks.push(Block::Brace),
            b"then" | b"else" | b"elif" | b"do" => {}
            // What follows cannot be removed, so it counts no more than after `&&`.
            b"!" => self.is_conditional = true,
            b"for" => {
                self.blocks.push(Block::Loop);
                return false;
            }
            b"case" => {
                self.blocks.push(Block::Case);
                return false;
            }
            b"fi" => self.end_block(Block::If),
            b"done" => self.end_block(Block::Loop),
            b"esac" => self.end_block(Block::Case),
            b"}" => self.end_block(Block::Brace),
            _ => return false,
        }
        // After fi, done, esac and } there may be redirections and operators, which begin no assignment.
        !matches!(word, b"fi" | b"done" | b"esac" | b"}")
    }

    fn end_block(&mut self, block: Block) {
        if self.blocks.last() == Some(&block) {
            self.blocks.pop();
        }
    }

    /// Takes a redirection up to its target, and notes a here document.
    fn redirection(&mut self) {
        let is_here = self.rest().starts_with(b"<<");
        self.at += if is_here { 2 } else { 1 };
        let strips_tabs = is_here && self.peek() == Some(b'-');
        self.at += usize::from(strips_tabs || matches!(self.peek(), Some(b'>' | b'&' | b'|')));
        self.blanks();
        let start = self.at;
        self.word();
        if is_here {
            let delimiter = self.bytes[start..self.at].iter().filter(|byte| !b"\"'\\".contains(byte));
            self.here_documents.push((delimiter.copied().collect(), strips_tabs));
        }
    }

    /// Skips the bodies of the here documents of the line that just ended.
    fn here_document_bodies(&mut self) {
        let mut waiting = std::mem::take(&mut self.here_documents).into_iter();
        while let Some((delimiter, strips_tabs)) = waiting.next() {
            loop {
                if self.at >= self.bytes.len() {
                    self.here_documents.push((delimiter, strips_tabs));
                    self.here_documents.extend(waiting);
                    return;
                }
                let length = self.rest().iter().position(|byte| *byte == b'\n');
                let line = &self.rest()[..length.unwrap_or(self.rest().len())];
                self.at += length.map_or(line.len(), |length| length + 1);
                let tabs =
                    if strips_tabs { line.iter().take_while(|byte| **byte == b'\t').count() } else { 0 };
                if line[tabs..] == delimiter {
                    break;
                }
            }
        }
    }

    /// Skips a word: text, quotes and expansions up to a blank or an operator.
    fn word(&mut self) {
        // What closes each quote and expansion that is open, innermost last.
        let mut closers: Vec<u8> = Vec::new();
        while let Some(byte) = self.peek() {
            let innermost = closers.last().copied();
            match (byte, innermost) {
                (b'\'', Some(b'\'')) => _ = closers.pop(),
                (_, Some(b'\'')) => {}
                (b'\\', _) => self.at += 1,
                (b'$', _) if matches!(self.rest(), [_, b'(', ..]) => {
                    closers.push(b')');
                    self.at += 1;
                }
                (b'$', _) if matches!(self.rest(), [_, b'{', ..]) => {
                    closers.push(b'}');
                    self.at += 1;
                }
                (close, Some(open)) if close == open => _ = closers.pop(),
                (b'`', _) => closers.push(b'`'),
                (b'"', _) => closers.push(b'"'),
                (b'\'', Some(b'"')) => {}
                (b'\'', _) => closers.push(b'\''),
                (b'(', Some(b')')) => closers.push(b')'),
                (b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>', None) => {
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.at.min(self.bytes.len());
        self.is_broken |= !closers.is_empty();
    }

    /// The assignment that is the word just read.
    fn assignment(&self, start: usize, name: usize) -> Assignment {
        let value_span = start + name + 1..self.at;
        Assignment {
            name: String::from_utf8_lossy(&self.bytes[start..start + name]).into_owned(),
            value: constant(&self.bytes[value_span.clone()]),
            span: self.with_blanks(start..self.at),
            value_span,
            remains: "",
            always: false,
        }
    }

    /// A span with the blanks after it, so that removing it leaves single ones.
    fn with_blanks(&self, span: Range<usize>) -> Range<usize> {
        let blanks = self.bytes[span.end..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        span.start..span.end + blanks
    }
}

/// The text that a word stands for; none if that depends on anything.
fn constant(word: &[u8]) -> Option<String> {
    if word.first() == Some(&b'~') {
        return None;
    }
    let mut text = Vec::with_capacity(word.len());
    let mut quote = None;
    let mut rest = word;
    while let [first, after @ ..] = rest {
        rest = after;
        match (*first, quote) {
            (b'\'', Some(b'\'')) => quote = None,
            (byte, Some(b'\'')) => text.push(byte),
            (b'"', Some(_)) => quote = None,
            (b'"', None) => quote = Some(b'"'),
            (b'\'', None) => quote = Some(b'\''),
            (b'$' | b'`', _) => return None,
            (b'\\', _) => {
                let (escaped, after) = rest.split_first()?;
                rest = after;
                match (escaped, quote) {
                    (b'\n', _) => {}
                    (b'$' | b'`' | b'"' | b'\\', _) | (_, None) => text.push(*escaped),
                    (_, Some(_)) => text.extend_from_slice(&[b'\\', *escaped]),
                }
            }
            (byte, _) => text.push(byte),
        }
    }
    if quote.is_some() { None } else { String::from_utf8(text).ok() }
}
