//! Telling Nextcloud what became of a recording: `POST …/recording/backend`.

use std::{sync::Arc, time::Duration};

use actors::{
    ports::Refusal,
    recording::{Kind, Notice, Order},
};
use serde_json::{Value, json};

use super::{
    Nextcloud,
    patience::{Patience, send},
    refusal,
};

/// Nextcloud changes one row and sends a chat message. Behind a brute-force throttle it takes up to 25 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);

pub(super) async fn send_notice(
    nextcloud: &Nextcloud,
    order: &Order,
    notice: &Notice,
) -> Result<(), Refusal> {
    let body = body(order, notice).to_string();
    let request = nextcloud
        .post(&order.nextcloud, "backend", body.as_bytes())
        .header("Content-Type", "application/json")
        .body(body);
    let answer = send(request, Arc::new(Patience::without_body(ANSWER_TIMEOUT))).await?;
    refusal::of_notice(&answer)
}

fn body(order: &Order, notice: &Notice) -> Value {
    let token = order.room.as_str();
    match notice {
        Notice::Started => {
            let status = match order.kind {
                Kind::Video => 1,
                Kind::Audio => 2,
            };
            json!({ "type": "started", "started": { "token": token, "status": status, "actor": order.actor } })
        }
        Notice::Stopped { by: Some(actor) } => {
            json!({ "type": "stopped", "stopped": { "token": token, "actor": actor } })
        }
        Notice::Stopped { by: None } => json!({ "type": "stopped", "stopped": { "token": token } }),
        Notice::Failed => json!({ "type": "failed", "failed": { "token": token } }),
    }
}

#[cfg(test)]
mod tests {
    use actors::recording::Actor;

    use super::*;

    fn order(kind: Kind) -> Order {
        Order {
            nextcloud: "https://cloud.example.com".to_owned(),
            room: "abcd1234".parse().unwrap(),
            kind,
            owner: "alice".to_owned(),
            actor: Actor { kind: "users".to_owned(), id: "alice".to_owned() },
        }
    }

    #[test]
    fn started_carries_the_status_as_a_number_and_the_actor() {
        let expected = json!({
            "type": "started",
            "started": { "token": "abcd1234", "status": 2, "actor": { "type": "users", "id": "alice" } },
        });
        assert_eq!(body(&order(Kind::Audio), &Notice::Started), expected);
    }

    #[test]
    fn stopped_names_nobody_when_nobody_stopped_it() {
        let expected = json!({ "type": "stopped", "stopped": { "token": "abcd1234" } });
        assert_eq!(body(&order(Kind::Video), &Notice::Stopped { by: None }), expected);
    }

    #[test]
    fn failed_carries_the_token_alone() {
        let expected = json!({ "type": "failed", "failed": { "token": "abcd1234" } });
        assert_eq!(body(&order(Kind::Video), &Notice::Failed), expected);
    }
}
