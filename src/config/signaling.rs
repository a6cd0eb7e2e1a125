//! The internal secrets of the signaling servers, and the server that a room uses.

use secrecy::SecretString;
use url::Url;

use super::{
    Signaling, addresses,
    backends::secret,
    report::Report,
    settings::{Section, Settings, items},
};

/// Reads everything about signaling servers.
pub(super) fn read(settings: &Settings, report: &mut Report) -> Signaling {
    let section = settings.section("signaling");
    let common = secret(&section, "internalsecret", report);
    section.read("signalings", report, items);
    let mut servers: Vec<(Url, SecretString)> = Vec::new();
    for id in settings.ids("signaling", "signalings") {
        let Some((url, secret)) = server(&settings.section(&id), report) else {
            continue;
        };
        let present = servers.iter().position(|(other, _)| comparable(other) == comparable(&url));
        if let Some(index) = present {
            let place = section.place("signalings");
            let text = format!("{place}: [{id}] has the same url as a server before it");
            report.forgivable(&text, "the last one counts");
            servers.remove(index);
        }
        servers.push((url, secret));
    }
    Signaling { common, servers }
}

fn server(section: &Section<'_>, report: &mut Report) -> Option<(Url, SecretString)> {
    let url = section.read("url", report, addresses::signaling_url);
    let secret = secret(section, "internalsecret", report);
    let skipped = "this signaling server is skipped";
    section.require("url", &["url"], skipped, report);
    let keys = ["internalsecret", "internalsecret_file"];
    section.require("internalsecret", &keys, skipped, report);
    Some((url?, secret?))
}

impl Signaling {
    /// The internal secret for the server that a room uses. `https` and `wss` are the same here, and
    /// `http` and `ws`; a trailing slash makes no difference.
    pub fn secret_for(&self, server: &str) -> Option<&SecretString> {
        let own = Url::parse(server).ok().and_then(|url| {
            let wanted = comparable(&url);
            self.servers.iter().find(|(own, _)| comparable(own) == wanted)
        });
        own.map(|(_, secret)| secret).or(self.common.as_ref())
    }
}

/// The address in the one form in which servers are compared.
fn comparable(url: &Url) -> String {
    let text = url.as_str().trim_end_matches('/');
    match text.strip_prefix("ws") {
        Some(rest) => format!("http{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn signaling(common: Option<&str>) -> Signaling {
        Signaling {
            common: common.map(SecretString::from),
            servers: vec![
                (Url::parse("https://a.example.com/spreed/").unwrap(), "a".into()),
                (Url::parse("ws://b.example.com:8080").unwrap(), "b".into()),
            ],
        }
    }

    #[test]
    fn the_scheme_of_web_and_web_socket_is_the_same() {
        let table = [
            ("https://a.example.com/spreed", Some("a")),
            ("wss://a.example.com/spreed/", Some("a")),
            ("wss://a.example.com:443/spreed", Some("a")),
            ("http://a.example.com/spreed", None),
            ("https://a.example.com", None),
            ("http://b.example.com:8080/", Some("b")),
            ("ws://b.example.com:8080", Some("b")),
            ("wss://b.example.com:8080", None),
            ("b.example.com", None),
            ("", None),
        ];
        for (server, expected) in table {
            let found = signaling(None).secret_for(server).cloned();
            assert_eq!(found.as_ref().map(ExposeSecret::expose_secret), expected, "{server}");
        }
    }

    #[test]
    fn the_common_secret_goes_for_every_other_server() {
        let signaling = signaling(Some("common"));
        let secret = |server| signaling.secret_for(server).unwrap().expose_secret();
        assert_eq!(secret("https://c.example.com"), "common");
        assert_eq!(secret("not a url"), "common");
        assert_eq!(secret("https://a.example.com/spreed"), "a");
    }
}
