//! `%` in the values of a `server.conf`: `%%` is a percent sign, `%(name)s` the value of another key of the
//! same section or of `[DEFAULT]`, and everything else is an error.

/// How deep values may refer to each other. The reference draws the line there too.
const DEEPEST: usize = 10;

/// Why a value cannot be worked out. The texts hold no value, since it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unresolved {
    /// A `%` that is neither `%%` nor `%(`.
    #[error("a percent sign must be written as %%")]
    LonePercent,
    /// `%(` that does not go on as `%(name)s`.
    #[error("a reference must be written as %(name)s, and a percent sign as %%")]
    BrokenReference,
    /// A reference to a key that is not there.
    #[error("%({0})s refers to a key that neither this section nor [DEFAULT] has")]
    UnknownKey(String),
    /// Keys that refer to each other without end.
    #[error("the references go round in a circle, or more than {DEEPEST} deep")]
    Endless,
}

/// The value with its references followed; `lookup` gives the raw text of a key in lower case.
pub(super) fn interpolate<'a>(
    raw: &str,
    lookup: &impl Fn(&str) -> Option<&'a str>,
) -> Result<String, Unresolved> {
    let mut text = String::with_capacity(raw.len());
    expand(raw, lookup, 1, &mut text)?;
    Ok(text)
}

fn expand<'a>(
    raw: &str,
    lookup: &impl Fn(&str) -> Option<&'a str>,
    depth: usize,
    text: &mut String,
) -> Result<(), Unresolved> {
    if depth > DEEPEST {
        return Err(Unresolved::Endless);
    }
    let mut rest = raw;
    while let Some((plain, marked)) = rest.split_once('%') {
        text.push_str(plain);
        if let Some(after) = marked.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let (name, after) = reference(marked)?;
        let key = name.to_lowercase();
        let value = lookup(&key).ok_or(Unresolved::UnknownKey(key))?;
        expand(value, lookup, depth + 1, text)?;
        rest = after;
    }
    text.push_str(rest);
    Ok(())
}

/// The name in `(name)s`, and what follows.
fn reference(marked: &str) -> Result<(&str, &str), Unresolved> {
    let inner = marked.strip_prefix('(').ok_or(Unresolved::LonePercent)?;
    let (name, after) = inner.split_once(')').ok_or(Unresolved::BrokenReference)?;
    let after = after.strip_prefix('s').ok_or(Unresolved::BrokenReference)?;
    if name.is_empty() {
        return Err(Unresolved::BrokenReference);
    }
    Ok((name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(key: &str) -> Option<&'static str> {
        match key {
            "host" => Some("cloud.example.com"),
            "base" => Some("https://%(host)s"),
            "round" => Some("%(Round)s"),
            _ => None,
        }
    }

    #[test]
    fn percent_signs_and_references_follow_the_reference() {
        let table = [
            ("plain", Ok("plain")),
            ("", Ok("")),
            ("100%%", Ok("100%")),
            ("%%(host)s", Ok("%(host)s")),
            ("%(host)s", Ok("cloud.example.com")),
            ("%(HOST)s/x", Ok("cloud.example.com/x")),
            ("%(base)s/a%%b", Ok("https://cloud.example.com/a%b")),
            ("100%", Err(Unresolved::LonePercent)),
            ("a%b", Err(Unresolved::LonePercent)),
            ("%(host", Err(Unresolved::BrokenReference)),
            ("%(host)d", Err(Unresolved::BrokenReference)),
            ("%()s", Err(Unresolved::BrokenReference)),
            ("%(none)s", Err(Unresolved::UnknownKey("none".to_owned()))),
            ("%(round)s", Err(Unresolved::Endless)),
        ];
        for (raw, expected) in table {
            assert_eq!(interpolate(raw, &lookup), expected.map(str::to_owned), "{raw}");
        }
    }
}
