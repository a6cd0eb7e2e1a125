//! A thin client of WebDriver BiDi, the one protocol that both browsers speak.
//!
//! One task owns the socket; it ends with the [`Bidi`]. Every command has a time limit: a browser answers late when
//! the machine is busy, and never when it hangs. What the page wrote to its console is kept, its last lines, for the
//! error of a call that cannot be joined; what was declared a secret is blanked out first.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actors::ids::RecordingId;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// So many console lines are kept.
const KEPT_LINES: usize = 12;
/// Longer console lines are cut.
const LONGEST_LINE: usize = 300;

/// Why a command brought no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// The browser refused it.
    #[error("the browser refused: {message} ({code})")]
    Refused {
        /// A word of the protocol.
        code: String,
        /// The browser's explanation.
        message: String,
    },
    /// The script threw an exception.
    #[error("{0}")]
    Thrown(String),
    /// No answer in time: the browser is busy, or hangs.
    #[error("the browser did not answer within {0} s")]
    Late(u64),
    /// The browser is gone.
    #[error("the connection to the browser is lost")]
    Gone,
    /// The answer makes no sense.
    #[error("the browser gave an answer that makes no sense: {0}")]
    Garbled(String),
}

/// A page may log whatever it likes; a long message is no reason to lose the browser.
fn unlimited() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(None).max_frame_size(None)
}

/// A connection to a browser.
#[derive(Debug)]
pub(super) struct Bidi {
    commands: mpsc::UnboundedSender<Command>,
    page: Arc<Mutex<Seen>>,
    ended: watch::Receiver<Option<String>>,
    /// Ends the task with the connection's owner.
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Command {
    method: &'static str,
    params: Value,
    reply: oneshot::Sender<Result<Value, Trouble>>,
}

/// What is known of the page: which one it is, and what it said.
#[derive(Debug, Default)]
struct Seen {
    context: String,
    /// Chromium's name for the connection to the page's process.
    session: String,
    console: VecDeque<String>,
    secrets: Vec<String>,
}

impl Bidi {
    /// Connects to the socket that the browser announced.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn connect(
        url: &str,
        recording: RecordingId,
        patience: Duration,
    ) -> Result<Self, Trouble> {
        let (socket, _) = timeout(patience, connect_async_with_config(url, Some(unlimited()), false))
            .await
            .map_err(|_| Trouble::Late(patience.as_secs()))?
            .map_err(|_| Trouble::Gone)?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let page = Arc::<Mutex<Seen>>::default();
        let link = Link {
            socket,
            inbox,
            pending: HashMap::new(),
            last_id: 0,
            page: Arc::clone(&page),
            recording,
            end,
        };
        let mut task = JoinSet::new();
        task.spawn(link.run());
        Ok(Self { commands, page, ended, _task: task })
    }

    /// Sends a command and waits for its result.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub(super) async fn command(
        &self,
        method: &'static str,
        params: Value,
        patience: Duration,
    ) -> Result<Value, Trouble> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command { method, params, reply }).map_err(|_| Trouble::Gone)?;
        match timeout(patience, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Trouble::Gone),
            Err(_) => Err(Trouble::Late(patience.as_secs())),
        }
    }

    /// Calls a function of the page with text arguments and waits for what it returns or promises: a text.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub(super) async fn call(
        &self,
        context: &str,
        function: &str,
        arguments: &[&str],
        patience: Duration,
    ) -> Result<String, Trouble> {
        let arguments: Vec<Value> =
            arguments.iter().map(|text| json!({ "type": "string", "value": text })).collect();
        let params = json!({
            "functionDeclaration": function,
            "arguments": arguments,
            "awaitPromise": true,
            // As if somebody had clicked: sound may play.
            "userActivation": true,
            "target": { "context": context },
        });
        let result = self.command("script.callFunction", params, patience).await?;
        if let Some(exception) = result.pointer("/exceptionDetails/text") {
            return Err(Trouble::Thrown(text(exception)));
        }
        match result.pointer("/result/value") {
            Some(Value::String(value)) => Ok(value.clone()),
            _ => Err(Trouble::Garbled("a script returned no text".to_owned())),
        }
    }

    /// Says which page [`ended`](Self::ended) is about: its context, and Chromium's session with its process.
    pub(super) fn watch(&self, context: &str, session: &str) {
        let mut page = self.page();
        context.clone_into(&mut page.context);
        session.clone_into(&mut page.session);
    }

    /// Blanks a text out of everything that the page's console says from now on.
    pub(super) fn keep_secret(&self, secret: &str) {
        self.page().secrets.push(secret.to_owned());
    }

    /// A text of the page without what was declared a secret.
    pub(super) fn redacted(&self, text: &str) -> String {
        self.page().redacted(text)
    }

    /// The last lines of the page's console, for an error; empty if there are none.
    pub(super) fn console(&self) -> String {
        let page = self.page();
        if page.console.is_empty() {
            return String::new();
        }
        let lines = page.console.iter().map(String::as_str).collect::<Vec<_>>().join(" | ");
        format!("; the page's console: {lines}")
    }

    /// Waits until the browser says that the page is gone, or is itself gone. Says which.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let reason = ended.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(|| Trouble::Gone.to_string())
    }

    fn page(&self) -> MutexGuard<'_, Seen> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task behind a connection.
struct Link {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    inbox: mpsc::UnboundedReceiver<Command>,
    pending: HashMap<u64, oneshot::Sender<Result<Value, Trouble>>>,
    last_id: u64,
    page: Arc<Mutex<Seen>>,
    recording: RecordingId,
    end: watch::Sender<Option<String>>,
}

impl Link {
    /// Until one side is gone. What still waits for an answer then learns that there will be none.
    async fn run(mut self) {
        loop {
            tokio::select! {
                command = self.inbox.recv() => {
                    let Some(command) = command else { return };
                    if !self.send(command).await {
                        return;
                    }
                }
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => self.receive(&text),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => {}
                },
            }
        }
    }

    async fn send(&mut self, command: Command) -> bool {
        // Those that were given up wait for nothing.
        self.pending.retain(|_, reply| !reply.is_closed());
        self.last_id += 1;
        self.pending.insert(self.last_id, command.reply);
        let message = json!({ "id": self.last_id, "method": command.method, "params": command.params });
        self.socket.send(Message::text(message.to_string())).await.is_ok()
    }

    fn receive(&mut self, text: &str) {
        let Ok(mut message) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let Some(reply) = message["id"].as_u64().and_then(|id| self.pending.remove(&id)) else {
            return self.notice(&message);
        };
        let result = if message["type"] == "success" {
            Ok(message["result"].take())
        } else {
            Err(Trouble::Refused {
                code: self::text(&message["error"]),
                message: self::text(&message["message"]),
            })
        };
        // Nobody may be waiting any more.
        drop(reply.send(result));
    }

    fn notice(&mut self, event: &Value) {
        let params = &event["params"];
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        match event["method"].as_str() {
            Some("log.entryAdded") => {
                let line = page.said(&self::text(&params["level"]), &self::text(&params["text"]));
                log::debug!(recording:% = self.recording, line:% = line; "console of the page");
            }
            Some("browsingContext.contextDestroyed") if params["context"] == *page.context => {
                self.end.send_replace(Some("the page was closed".to_owned()));
            }
            Some("goog:cdp.Inspector.targetCrashed") if params["session"] == *page.session => {
                self.end.send_replace(Some("the process of the page crashed".to_owned()));
            }
            _ => {}
        }
    }
}

impl Seen {
    /// Keeps a line of the console and returns it as it may be shown.
    fn said(&mut self, level: &str, text: &str) -> String {
        let text = self.redacted(text).replace('\n', " ");
        let line: String = format!("{level}: {text}").chars().take(LONGEST_LINE).collect();
        if self.console.len() == KEPT_LINES {
            self.console.pop_front();
        }
        self.console.push_back(line.clone());
        line
    }

    fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "…");
        }
        text
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_keeps_its_last_lines_without_secrets() {
        let mut page = Seen { secrets: vec!["topsecret".to_owned()], ..Seen::default() };
        for number in 0..=KEPT_LINES {
            page.said("info", &format!("line {number}"));
        }
        assert_eq!(page.console.front().unwrap(), "info: line 1");
        assert_eq!(page.said("error", "token topsecret\nrefused"), "error: token … refused");
    }
}
