//! The signature of Nextcloud Talk's recording protocol: HMAC-SHA256 over a random text and a payload.
//!
//! The same scheme guards four doors, only key and payload differ: requests of Nextcloud to this server and
//! notices back (recording secret, the body), uploads (recording secret, the room token), the settings of the
//! recording page (recording secret, nothing) and the hello to the signaling server (internal secret, nothing).

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;

/// Header with the random text.
pub const RANDOM_HEADER: &str = "Talk-Recording-Random";
/// Header with the checksum in lower-case hexadecimal digits.
pub const CHECKSUM_HEADER: &str = "Talk-Recording-Checksum";
/// Nextcloud and the signaling server refuse shorter random texts, and so does this server.
pub const SHORTEST_RANDOM: usize = 32;

/// A random text and the checksum over it and a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Sent beside the checksum, new for each signature.
    pub random: String,
    /// HMAC-SHA256 in lower-case hexadecimal digits.
    pub checksum: String,
}

impl Signature {
    /// Signs a payload.
    pub fn of(secret: &SecretString, payload: &[u8]) -> Self {
        // Two version 4 UUIDs: 64 digits, 244 random bits.
        let random = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let checksum = hex::encode(mac(secret, &random, payload).finalize().into_bytes());
        Self { random, checksum }
    }

    /// Whether the checksum belongs to this random text and payload. Takes the same time for each wrong checksum.
    pub fn verifies(&self, secret: &SecretString, payload: &[u8]) -> bool {
        let lower_case = !self.checksum.bytes().any(|byte| byte.is_ascii_uppercase());
        let Ok(checksum) = hex::decode(&self.checksum) else {
            return false;
        };
        lower_case
            && self.random.len() >= SHORTEST_RANDOM
            && mac(secret, &self.random, payload).verify_slice(&checksum).is_ok()
    }
}

fn mac(secret: &SecretString, random: &str, payload: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(random.as_bytes());
    mac.update(payload);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature() -> Signature {
        Signature {
            random: "0123456789abcdefghijklmnopqrstuvwxyz".to_owned(),
            // openssl dgst -sha256 -hmac topsecret over the random text and `{"type":"stop","stop":[]}`
            checksum: "2131e91f5996e64f3097ba3f5714d4f04c3417d5ec1737cebd482082248cc99f".to_owned(),
        }
    }

    #[test]
    fn verifies_what_another_implementation_signed() {
        assert!(signature().verifies(&"topsecret".into(), br#"{"type":"stop","stop":[]}"#));
    }

    #[test]
    fn refuses_what_was_changed() {
        let body = br#"{"type":"stop","stop":[]}"#;
        assert!(!signature().verifies(&"other".into(), body));
        assert!(!signature().verifies(&"topsecret".into(), b"{}"));
        let upper_case = Signature { checksum: signature().checksum.to_uppercase(), ..signature() };
        assert!(!upper_case.verifies(&"topsecret".into(), body));
        let no_hex = Signature { checksum: "none".to_owned(), ..signature() };
        assert!(!no_hex.verifies(&"topsecret".into(), body));
    }

    #[test]
    fn refuses_a_short_random_text_although_its_checksum_is_right() {
        let secret = SecretString::from("topsecret");
        let random = "x".repeat(SHORTEST_RANDOM - 1);
        let checksum = hex::encode(mac(&secret, &random, b"").finalize().into_bytes());
        assert!(!Signature { random, checksum }.verifies(&secret, b""));
    }

    #[test]
    fn own_signatures_verify_and_never_repeat() {
        let secret = SecretString::from("topsecret");
        let first = Signature::of(&secret, b"abcd1234");
        assert!(first.verifies(&secret, b"abcd1234"));
        assert_ne!(first.random, Signature::of(&secret, b"abcd1234").random);
    }
}
