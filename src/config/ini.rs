//! The text of a `server.conf`, read as the reference reads it (Python's `ConfigParser`).
//!
//! - keys have no case, section names do; a section name is never taken apart at its dots;
//! - `=` or `:` ends a key; values are trimmed, and quotes and backslashes are part of them;
//! - a comment is a whole line that starts with `#` or `;`; there are no comments behind a value;
//! - a line that is indented deeper than its key continues the value;
//! - sections and keys that stand twice, and lines that are none of this, are errors with their line;
//! - errors never quote a line, since it may hold a secret.

/// A file taken apart, values still with their `%` signs.
#[derive(Default)]
pub(super) struct Document {
    pub(super) sections: Vec<Section>,
    /// What is wrong, each with its line, counted from 1.
    pub(super) problems: Vec<(usize, String)>,
}

/// One section. Of keys that stand twice, the first counts.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) entries: Vec<Entry>,
}

/// One key.
pub(super) struct Entry {
    /// In lower case.
    pub(super) key: String,
    /// Line of the key, counted from 1.
    pub(super) line: usize,
    /// The value; a continuation line is joined with a line break.
    pub(super) raw: String,
}

impl Section {
    /// The entry of a key, given in lower case.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Document {
    /// Takes a text apart. Never fails: what cannot be read is in `problems`.
    pub(super) fn parse(text: &str) -> Self {
        let mut reader = Reader::default();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            reader.line(index + 1, line);
        }
        for section in &mut reader.document.sections {
            for entry in &mut section.entries {
                entry.raw.truncate(entry.raw.trim_end().len());
            }
        }
        reader.document
    }

    /// The section of this exact name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

/// Where the reader is.
#[derive(Default)]
struct Reader {
    document: Document,
    /// Index of the section that lines go to.
    section: Option<usize>,
    /// Whether an indented line continues the last entry of that section.
    continues: bool,
    /// Indentation of the last line that was not a continuation.
    indentation: usize,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let content = line.trim();
        if content.starts_with(['#', ';']) {
            return;
        }
        let indentation = line.chars().take_while(|sign| sign.is_whitespace()).count();
        if let Some(value) = self.open_value() {
            if content.is_empty() {
                value.push('\n');
                return;
            }
            if indentation > self.indentation {
                self.continue_value(content);
                return;
            }
        }
        if content.is_empty() {
            return;
        }
        self.indentation = indentation;
        if let Some(name) = header(content) {
            self.begin_section(number, name);
        } else {
            self.add_entry(number, content);
        }
    }

    fn open_value(&mut self) -> Option<&mut String> {
        let section = self.section.filter(|_| self.continues)?;
        let entry = self.document.sections[section].entries.last_mut()?;
        Some(&mut entry.raw)
    }

    fn continue_value(&mut self, content: &str) {
        if let Some(value) = self.open_value() {
            value.push('\n');
            value.push_str(content);
        }
    }

    fn begin_section(&mut self, number: usize, name: &str) {
        self.continues = false;
        let sections = &mut self.document.sections;
        let present = sections.iter().position(|section| section.name == name);
        if present.is_some() && name != super::keys::INHERITED {
            self.problem(number, format!("section [{name}] stands twice"));
        }
        let sections = &mut self.document.sections;
        self.section = Some(present.unwrap_or(sections.len()));
        if present.is_none() {
            sections.push(Section { name: name.to_owned(), entries: Vec::new() });
        }
    }

    fn add_entry(&mut self, number: usize, content: &str) {
        let Some((key, value)) = content.split_once(['=', ':']) else {
            self.problem(number, "this line is neither a [section], a `key = value` nor a comment");
            return;
        };
        let key = key.trim_end().to_lowercase();
        if key.is_empty() {
            self.problem(number, "this line has no key before its `=` or `:`");
            return;
        }
        let Some(index) = self.section else {
            self.problem(number, "this line stands before the first [section]");
            return;
        };
        let section = &self.document.sections[index];
        if let Some(first) = section.entry(&key) {
            let text = format!("[{}] {key} stands twice, first in line {}", section.name, first.line);
            self.problem(number, text);
        }
        self.continues = true;
        self.document.sections[index].entries.push(Entry { key, line: number, raw: value.trim().to_owned() });
    }

    fn problem(&mut self, number: usize, text: impl Into<String>) {
        self.document.problems.push((number, text.into()));
    }
}

/// The name in `[name]`. What stands behind the last bracket is ignored, as in the reference.
fn header(content: &str) -> Option<&str> {
    let (name, _) = content.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, section: &str, key: &str) -> Option<String> {
        let document = Document::parse(text);
        assert!(document.problems.is_empty(), "{:?}", document.problems);
        Some(document.section(section)?.entry(key)?.raw.clone())
    }

    #[test]
    fn values_are_what_the_reference_reads() {
        let table = [
            ("[a]\nk = v", "v"),
            ("[a]\nk: v", "v"),
            ("[a]\nk=https://x:1/=", "https://x:1/="),
            ("[a]\nK = v", "v"),
            ("[a]\n  k = v  \n", "v"),
            ("[a]\r\nk = v\r\n", "v"),
            ("\u{feff}[a]\nk = v", "v"),
            ("[a] # behind a header\nk = v", "v"),
            ("[a]\nk = 20 # info", "20 # info"),
            ("[a]\nk = \"v\"", "\"v\""),
            ("[a]\nk = C:\\new\\table", "C:\\new\\table"),
            ("[a]\nk =\n", ""),
            ("[a]\nk = one\n two\n", "one\ntwo"),
            ("[a]\nk =\n one,\n # comment\n\n two\n\n", "\none,\n\ntwo"),
            ("[a]\nk = one\n; comment\n two = 2", "one\ntwo = 2"),
            ("[a]\n  k = one\n    two\n  l = 3", "one\ntwo"),
            ("[a]\nk = v\n[b]\n k = 2", "v"),
            ("[DEFAULT]\nx = 1\n[DEFAULT]\ny = 2\n[a]\nk = v", "v"),
        ];
        for (text, expected) in table {
            assert_eq!(value(text, "a", "k").as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn section_names_are_literal() {
        let text = "[cloud.example.com]\nurl = 1\n[Cloud.example.com]\nurl = 2\n[x[0]]\nurl = 3";
        assert_eq!(value(text, "cloud.example.com", "url").as_deref(), Some("1"));
        assert_eq!(value(text, "Cloud.example.com", "url").as_deref(), Some("2"));
        assert_eq!(value(text, "x[0]", "url").as_deref(), Some("3"));
    }

    #[test]
    fn every_problem_has_its_line_and_quotes_nothing() {
        let text = "early = 1\n[a]\nk = 1\nhunter2\nK = 2\n= 3\n[b]\n[a]\nl = 4\n[]";
        let document = Document::parse(text);
        let lines: Vec<usize> = document.problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 4, 5, 6, 8, 10]);
        assert_eq!(document.problems[2].1, "[a] k stands twice, first in line 3");
        assert_eq!(document.problems[4].1, "section [a] stands twice");
        assert!(!format!("{:?}", document.problems).contains("hunter2"));
    }

    #[test]
    fn a_stray_line_does_not_swallow_the_section_behind_it() {
        let document = Document::parse("[a]\nstray\n[b]\nk = v");
        assert_eq!(document.problems.len(), 1);
        assert_eq!(document.section("b").unwrap().entry("k").unwrap().raw, "v");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "([\\[\\]=:#;% \t\r\na-c\u{e9}\u{feff}\u{2003}]|\\PC){0,200}") {
            let document = Document::parse(&text);
            for section in &document.sections {
                prop_assert!(!section.name.is_empty());
                for entry in &section.entries {
                    prop_assert!(!entry.key.is_empty());
                    prop_assert!(entry.line <= text.lines().count());
                    prop_assert_eq!(entry.raw.trim_end(), &entry.raw);
                }
            }
        }

        #[test]
        fn what_is_written_is_read(value in "[!-~]([ -~]{0,40}[!-~])?", id in "[a-z.-]{1,20}") {
            let document = Document::parse(&format!("[{id}]\nsecret = {value}\n"));
            prop_assert!(document.problems.is_empty());
            prop_assert_eq!(&document.section(&id).unwrap().entry("secret").unwrap().raw, &value);
        }
    }
}
