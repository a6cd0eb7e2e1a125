//! What an address may be: those to listen on, those of peers, of Nextclouds and of signaling servers. As in
//! [`values`](super::values), each function gives the final form or says what is allowed. A name is resolved only
//! where the reference does so.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use ipnet::IpNet;
use url::Url;

use super::{
    settings::{Given, items},
    values::text,
};

/// What `listen` may be.
const LISTEN: &str = "must be an IP address and a port, as in 127.0.0.1:8000 or [::]:8000, or several of them; \
                      names are not resolved";

/// Addresses to listen on.
pub(super) fn listen(given: Given) -> Result<Vec<SocketAddr>, String> {
    let mut addresses = Vec::new();
    for item in items(given)? {
        let address = item.parse().map_err(|_| LISTEN.to_owned())?;
        addresses.push(address);
    }
    if addresses.is_empty() {
        return Err(LISTEN.to_owned());
    }
    Ok(addresses)
}

/// The addresses of names, which the reference resolves; nothing if one cannot be resolved.
pub(super) fn resolved(given: Given) -> Option<(Vec<SocketAddr>, &'static str)> {
    let mut addresses = Vec::new();
    for item in items(given).ok()? {
        addresses.extend(item.to_socket_addrs().ok()?);
    }
    (!addresses.is_empty()).then_some((addresses, "listening on what the name stands for now"))
}

/// An address or a network. As in the reference, a network must not have bits of a host set.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        // Peers are compared in this form too, also where the server listens on `[::]`.
        return Ok(address.to_canonical().into());
    }
    match parse_network(text) {
        Some(network) if network.trunc() == network => Ok(network),
        Some(network) => Err(format!("must be {} if the whole network is meant", network.trunc())),
        None => Err("must be an IP address or a network, as in 10.0.0.1 or 10.0.0.0/8".to_owned()),
    }
}

/// A network with its length or, as in 10.0.0.0/255.0.0.0, its mask.
fn parse_network(text: &str) -> Option<IpNet> {
    if let Ok(network) = text.parse() {
        return Some(network);
    }
    let (address, mask) = text.split_once('/')?;
    IpNet::with_netmask(address.parse().ok()?, mask.parse().ok()?).ok()
}

/// The base addresses of a Nextcloud, without trailing slash and otherwise as written.
pub(super) fn base_urls(given: Given) -> Result<Vec<String>, String> {
    let mut urls = Vec::new();
    for item in items(given)? {
        let url = base_url(&item)
            .ok_or("must be the address of a Nextcloud, as in https://cloud.example.com/nextcloud")?;
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    if urls.is_empty() {
        return Err("must name at least one address".to_owned());
    }
    Ok(urls)
}

/// An absolute address without trailing slash.
pub(super) fn base_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none() && !text.contains(char::is_whitespace);
    let web = matches!(url.scheme(), "http" | "https") && text.contains("://");
    (plain && web).then(|| text.trim_end_matches('/').to_owned())
}

/// The address of a signaling server.
pub(super) fn signaling_url(given: Given) -> Result<Url, String> {
    let allowed = "must be the address of a signaling server, as in https://signaling.example.com";
    let url = Url::parse(text(given)?.trim()).map_err(|_| allowed)?;
    if matches!(url.scheme(), "http" | "https" | "ws" | "wss") { Ok(url) } else { Err(allowed.to_owned()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(text: &str) -> Given {
        Given::Text(text.to_owned())
    }

    #[test]
    fn listen_takes_addresses_and_no_names() {
        let two = listen(given("127.0.0.1:8000, [::]:8000")).unwrap();
        assert_eq!(two, ["127.0.0.1:8000".parse().unwrap(), "[::]:8000".parse().unwrap()]);
        for bad in ["localhost:8000", ":8000", "127.0.0.1", "::1:8000", "1.2.3.4:99999", ","] {
            assert_eq!(listen(given(bad)), Err(LISTEN.to_owned()), "{bad}");
        }
        assert!(listen(Given::List(Vec::new())).is_err());
    }

    #[test]
    fn networks_are_read_as_the_reference_reads_them() {
        let table = [
            ("10.0.0.1", "10.0.0.1/32"),
            ("::1", "::1/128"),
            ("::ffff:127.0.0.1", "127.0.0.1/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("fd00::/8", "fd00::/8"),
        ];
        for (text, expected) in table {
            assert_eq!(network(text).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(network("10.0.0.1/8"), Err("must be 10.0.0.0/8 if the whole network is meant".to_owned()));
        for bad in ["", "localhost", "10.0.0", "10.0.0.0/33"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_a_nextcloud_are_absolute_and_kept_as_written() {
        let urls = base_urls(given("https://Cloud.example.com/nc//, http://[::1]:8080,http://[::1]:8080/"));
        assert_eq!(urls.unwrap(), ["https://Cloud.example.com/nc", "http://[::1]:8080"]);
        for bad in ["cloud.example.com", "ftp://x", "https://", "https:x", "https://x/?a", "https://x y/"] {
            assert!(base_urls(given(bad)).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_accepted_address_ends_with_a_slash(text in "https?://[a-z.]{1,10}(/[a-z]{0,3}){0,3}") {
            if let Some(url) = base_url(&text) {
                prop_assert!(!url.ends_with('/'));
                prop_assert_eq!(base_url(&url), Some(url.clone()));
            }
        }
    }
}
