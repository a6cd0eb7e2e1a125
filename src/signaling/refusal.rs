//! Why a watcher is not let in, and what to do about it, in words for the operator.

use super::{messages, socket::Lost};

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotWatched {
    /// It may work later: somebody cannot be reached.
    #[error("{0}")]
    ForNow(String),
    /// The signaling server does not listen to this address for a while, whatever it is told.
    #[error(
        "the signaling server {0} refuses every internal client of this address for up to 30 minutes, since too \
         many had a wrong secret or were of an unknown Nextcloud"
    )]
    Blocked(String),
    /// It will not work until somebody changes a setting. Trying again could get this address blocked.
    #[error("{0}")]
    ForGood(String),
    /// Nextcloud does not know the room.
    #[error("{0} does not know the room: it was deleted, or the address leads to another Nextcloud")]
    RoomUnknown(String),
}

impl NotWatched {
    /// What an error of the server in answer to a hello means.
    pub(super) fn of_hello(server: &str, nextcloud: &str, error: &messages::Error) -> Self {
        match error.code.as_str() {
            "invalid_token" => Self::ForGood(format!(
                "the signaling server {server} refuses the internal secret: [signaling] internalsecret, or that of \
                 the server's own section, must be the internalsecret in its section [clients]"
            )),
            "invalid_backend" => Self::ForGood(format!(
                "the signaling server {server} does not know {nextcloud}: name this address in the url of one of \
                 its backends, with the same scheme and port"
            )),
            "invalid_client_type" => Self::ForGood(format!(
                "the signaling server {server} takes no internal clients: set internalsecret in its section \
                 [clients], and the same here"
            )),
            "too_many_requests" => Self::Blocked(server.to_owned()),
            code => Self::ForNow(format!("the signaling server {server} answered {code}: {}", error.message)),
        }
    }

    /// The connection to the server did not come about, or broke.
    pub(super) fn of_loss(server: &str, lost: &Lost) -> Self {
        Self::ForNow(format!("the signaling server {server}: {lost}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(code: &str) -> NotWatched {
        let error = messages::Error { code: code.to_owned(), message: "As it says.".to_owned() };
        NotWatched::of_hello("https://hpb", "https://cloud", &error)
    }

    #[test]
    fn what_only_an_operator_can_mend_is_final_and_says_what_to_mend() {
        for (code, said) in [
            ("invalid_token", "internal secret"),
            ("invalid_backend", "does not know https://cloud"),
            ("invalid_client_type", "takes no internal clients"),
        ] {
            let meaning = meaning(code);
            assert!(matches!(meaning, NotWatched::ForGood(_)), "{code}");
            assert!(meaning.to_string().contains(said) && meaning.to_string().contains("https://hpb"));
        }
    }

    #[test]
    fn what_passes_by_itself_is_not() {
        assert!(matches!(meaning("too_many_requests"), NotWatched::Blocked(_)));
        let unknown = meaning("internal_error");
        assert!(matches!(unknown, NotWatched::ForNow(_)));
        assert!(unknown.to_string().contains("internal_error: As it says."), "{unknown}");
    }
}
