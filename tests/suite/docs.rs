//! What the pages say of the log can be found in the sources, word for word.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Every source file below a directory, one after the other.
fn gather(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap().path();
        if entry.is_dir() {
            gather(&entry, text);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(entry).unwrap());
        }
    }
}

/// The sources without comments, each text in one line.
fn sources() -> String {
    let mut all = String::new();
    for directory in ["src", "actors/src"] {
        gather(&path(directory), &mut all);
    }
    let code = all.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    code.split("\\\n").enumerate().map(|(at, part)| if at == 0 { part } else { part.trim_start() }).collect()
}

/// What stands between backticks in the first column of the table that begins with this row.
fn quoted(page: &str, head: &str) -> Vec<String> {
    let text = fs::read_to_string(path(page)).unwrap();
    let table = text.split_once(head).unwrap().1;
    let rows = table.lines().skip(2).take_while(|row| row.starts_with("| "));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Which parts of a quotation the sources do not have. What an ellipsis stands for may be anything.
fn unknown<'a>(quotation: &'a str, sources: &str) -> Vec<&'a str> {
    let parts = quotation.split('…').map(str::trim).filter(|part| !part.is_empty());
    let is_known = |part: &str| match part.split_once('=') {
        Some((_, "")) => true,
        Some((_, word)) => sources.contains(&format!("\"{word}\"")),
        None => sources.contains(part),
    };
    parts.filter(|part| !is_known(part)).collect()
}

#[test]
fn every_line_of_the_log_that_a_page_quotes_is_one_of_the_server() {
    let sources = sources();
    for (page, head, at_least) in
        [("docs/operations.md", "| line | what it means", 50), ("docs/protocol.md", "| the log says", 8)]
    {
        let quotations = quoted(page, head);
        assert!(quotations.len() >= at_least, "{page}: only {quotations:?}");
        for quotation in &quotations {
            let unknown = unknown(quotation, &sources);
            assert!(unknown.is_empty(), "{page} quotes `{quotation}`, and nothing says {unknown:?}");
        }
    }
}
