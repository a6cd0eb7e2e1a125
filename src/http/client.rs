//! Who asks: the address of the client, behind proxies that are trusted.
//!
//! `X-Forwarded-For` can be written by anybody, so it is believed only from a trusted peer, and only from its
//! end: each proxy appends the peer that it saw itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::HttpRequest;
use ipnet::IpNet;

use crate::config::Config;

const FORWARDED_FOR: &str = "X-Forwarded-For";

/// The client's address, in its IPv4 form where it has one.
pub(super) fn address(request: &HttpRequest, config: &Config) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    // A value that is no text must not vanish: the proxy's own entry stands at its end.
    let headers = request.headers().get_all(FORWARDED_FOR);
    let forwarded: Vec<_> = headers.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    client_of(peer, &forwarded.join(","), &config.trusted_proxies)
}

/// Whether one of the networks has the address.
pub(super) fn covers(networks: &[IpNet], address: IpAddr) -> bool {
    let mapped = match address {
        IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
        IpAddr::V6(_) => address,
    };
    networks.iter().any(|network| network.contains(&address) || network.contains(&mapped))
}

/// Walks from the peer away, as long as the addresses are trusted.
fn client_of(peer: IpAddr, forwarded: &str, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    if !covers(trusted, peer) {
        return client;
    }
    for entry in forwarded.rsplit(',') {
        let Some(address) = parse(entry.trim()) else { break };
        client = address;
        if !covers(trusted, address) {
            break;
        }
    }
    client
}

/// An address that may carry a port, and brackets around IPv6.
fn parse(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|network| network.parse().unwrap()).collect()
    }

    fn client(peer: &str, forwarded: &str) -> String {
        client_of(peer.parse().unwrap(), forwarded, &networks(&["10.0.0.0/8", "fd00::/8"])).to_string()
    }

    #[test]
    fn the_header_of_a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1", "127.0.0.1"), "192.0.2.1");
    }

    #[test]
    fn the_first_stranger_from_the_end_is_the_client() {
        assert_eq!(client("10.0.0.1", "127.0.0.1, 192.0.2.7, 10.0.0.2"), "192.0.2.7");
        assert_eq!(client("10.0.0.1", ""), "10.0.0.1");
    }

    #[test]
    fn if_all_are_trusted_the_farthest_one_is_the_client() {
        assert_eq!(client("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_walk() {
        assert_eq!(client("10.0.0.1", "192.0.2.7, unknown, 10.0.0.2"), "10.0.0.2");
    }

    #[test]
    fn letters_from_elsewhere_do_not_hide_the_client() {
        let request = actix_web::test::TestRequest::default()
            .peer_addr("10.0.0.1:80".parse().unwrap())
            .insert_header((FORWARDED_FOR, &b"\xC3\xA9, 192.0.2.7"[..]))
            .to_http_request();
        let config = Config { trusted_proxies: networks(&["10.0.0.0/8"]), ..Config::defaults() };
        assert_eq!(address(&request, &config).to_string(), "192.0.2.7");
    }

    #[test]
    fn ports_and_brackets_are_stripped() {
        assert_eq!(client("10.0.0.1", "192.0.2.7:4711"), "192.0.2.7");
        assert_eq!(client("fd00::1", "[2001:db8::1]:99"), "2001:db8::1");
        assert_eq!(client("fd00::1", "[2001:db8::1]"), "2001:db8::1");
    }

    #[test]
    fn networks_cover_both_spellings_of_an_ipv4_address() {
        let address = "127.0.0.1".parse().unwrap();
        assert!(covers(&networks(&["127.0.0.0/8"]), address));
        assert!(covers(&networks(&["::ffff:127.0.0.1/128"]), address));
        assert!(!covers(&networks(&["::1/128"]), address));
        assert!(!covers(&[], address));
    }
}
