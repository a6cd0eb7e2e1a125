//! A WebSocket to a signaling server, opened by the backend's own HTTP client: what that client trusts, and the proxy
//! that it uses, go for the WebSocket, too.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::{
    Client, StatusCode, Upgraded,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::Role,
    },
};

use super::messages;
use crate::client::chain;

/// How long the server may take to answer the request for a WebSocket.
const PATIENCE_FOR_OPENING: Duration = Duration::from_secs(20);
/// The server sends a ping every 54 s. One that is silent for longer than this is gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(75);
/// How long a small message may take to be sent.
const PATIENCE_FOR_SENDING: Duration = Duration::from_secs(10);

/// Why there is no connection, or none any more, in words for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Lost(pub(super) String);

/// An open connection.
pub(super) struct Socket(WebSocketStream<Upgraded>);

impl Socket {
    /// Connects to a signaling server by its base address, as Nextcloud names it.
    ///
    /// # Errors
    /// When it cannot be reached, or what answers there is no signaling server.
    pub(super) async fn open(client: &Client, server: &str) -> Result<Self, Lost> {
        let opening = timeout(PATIENCE_FOR_OPENING, upgrade(client, server));
        let stream = opening.await.map_err(|_| silent(PATIENCE_FOR_OPENING))??;
        Ok(Self(WebSocketStream::from_raw_socket(stream, Role::Client, None).await))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(super) async fn send(&mut self, message: &Value) -> Result<(), Lost> {
        let sending = timeout(PATIENCE_FOR_SENDING, self.0.send(Message::text(message.to_string())));
        sending.await.map_err(|_| silent(PATIENCE_FOR_SENDING))?.map_err(|error| Lost(chain(&error)))
    }

    /// The next message. Pings are answered meanwhile; messages that cannot be read are passed over.
    ///
    /// # Errors
    /// When the connection is gone, or the server is silent for so long that it must be.
    pub(super) async fn next(&mut self) -> Result<messages::Message, Lost> {
        loop {
            let frame = timeout(LONGEST_SILENCE, self.0.next()).await.map_err(|_| silent(LONGEST_SILENCE))?;
            match frame {
                Some(Ok(Message::Text(text))) => match messages::parse(&text) {
                    Ok(message) => return Ok(message),
                    Err(error) => {
                        log::debug!(error:%; "a message of the signaling server could not be read");
                    }
                },
                Some(Ok(Message::Close(_))) | None => {
                    return Err(Lost("the server closed the connection".to_owned()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Lost(chain(&error))),
            }
        }
    }
}

async fn upgrade(client: &Client, server: &str) -> Result<Upgraded, Lost> {
    let key = generate_key();
    let request = client
        .get(address(server))
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    let answer = request.send().await.map_err(|error| Lost(chain(&error.without_url())))?;
    let accepted = answer.headers().get(SEC_WEBSOCKET_ACCEPT);
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Lost(format!(
            "it answered {} instead of opening a WebSocket: is this its address, and does a proxy before it \
             pass WebSockets on?",
            answer.status()
        )));
    }
    if accepted.is_none_or(|accepted| accepted != derive_accept_key(key.as_bytes()).as_str()) {
        return Err(Lost("what it answered is no WebSocket".to_owned()));
    }
    answer.upgrade().await.map_err(|error| Lost(chain(&error)))
}

/// Where the server opens a WebSocket, with a scheme of HTTP.
fn address(server: &str) -> String {
    let base = server.trim_end_matches('/');
    match base.strip_prefix("ws") {
        Some(rest) => format!("http{rest}/spreed"),
        None => format!("{base}/spreed"),
    }
}

fn silent(limit: Duration) -> Lost {
    Lost(format!("the server was silent for {} s", limit.as_secs()))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_tungstenite::accept_async;

    use super::*;

    async fn listener() -> (TcpListener, String) {
        // The second test of the process finds it installed.
        crate::tls::install_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        (listener, address)
    }

    #[tokio::test]
    async fn a_server_is_alive_as_long_as_it_pings_and_given_up_when_it_does_not() {
        let (listener, address) = listener().await;
        let server = tokio::spawn(async move {
            let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
            socket.send(Message::Ping("1".into())).await.unwrap();
            let pong = socket.next().await.unwrap().unwrap();
            assert_eq!(pong, Message::Pong("1".into()));
            socket
        });
        let mut socket = Socket::open(&Client::new(), &address).await.unwrap();
        assert!(timeout(Duration::from_millis(200), socket.next()).await.is_err(), "a ping is no message");
        let server = server.await.unwrap();
        tokio::time::pause();
        let lost = socket.next().await.unwrap_err();
        assert_eq!(lost.to_string(), "the server was silent for 75 s");
        drop(server);
    }

    #[tokio::test]
    async fn what_is_no_signaling_server_is_told_by_its_answer() {
        let (listener, address) = listener().await;
        let server = tokio::spawn(async move {
            let mut stream = listener.accept().await.unwrap().0;
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            stream
        });
        let Err(lost) = Socket::open(&Client::new(), &address).await else { panic!("it was opened") };
        assert!(lost.to_string().contains("404 Not Found instead of opening a WebSocket"), "{lost}");
        drop(server.await.unwrap());
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_as_such() {
        let (listener, address) = listener().await;
        drop(listener);
        let Err(lost) = Socket::open(&Client::new(), &address).await else { panic!("it was opened") };
        assert!(lost.to_string().contains("refused"), "{lost}");
    }

    #[test]
    fn the_address_is_that_of_the_web_with_the_path_of_the_signaling_server() {
        for (server, expected) in [
            ("https://hpb.example.com", "https://hpb.example.com/spreed"),
            (
                "wss://hpb.example.com/standalone-signaling/",
                "https://hpb.example.com/standalone-signaling/spreed",
            ),
            ("ws://127.0.0.1:8081", "http://127.0.0.1:8081/spreed"),
        ] {
            assert_eq!(address(server), expected);
        }
    }
}
