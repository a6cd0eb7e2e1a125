//! Who is in the call of a room, as the events of its signaling server tell. Pure.
//!
//! No single event tells the end of a call: the last one may leave it, be lost, or have it ended for everyone, and each
//! looks different. So everybody who was ever heard of is kept with their flag, and the call is empty when no flag is set.
//! Internal sessions, such as recording pages and watchers, are nobody.

use std::collections::HashSet;

use super::messages::{Event, Said, User};

/// What is known of a room.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Sessions of participants who are in the call.
    in_call: HashSet<String>,
    deleted: bool,
}

impl Room {
    /// Takes in what the server said.
    pub(super) fn hear(&mut self, said: &Said) {
        match said {
            Said::Event { event } => self.take(event),
            // Nobody is sent out of a room that stays.
            Said::Room { room } if room.roomid.is_empty() => self.deleted = true,
            _ => {}
        }
    }

    /// Whether anybody is in the call.
    pub(super) fn is_anybody_in_call(&self) -> bool {
        !self.in_call.is_empty()
    }

    /// Whether the room is gone.
    pub(super) fn is_deleted(&self) -> bool {
        self.deleted
    }

    fn take(&mut self, event: &Event) {
        match (event.target.as_str(), event.kind.as_str()) {
            ("room", "delete") => self.deleted = true,
            ("room", "leave") => {
                for session in &event.leave {
                    self.in_call.remove(session);
                }
            }
            ("participants", "update") => {
                if event.update.ends_call_for_all() {
                    self.in_call.clear();
                }
                for user in &event.update.users {
                    self.update(user);
                }
            }
            _ => {}
        }
    }

    /// A list may leave out who has not changed, so nobody is removed for not being in it.
    fn update(&mut self, user: &User) {
        if user.is_in_call() && !user.internal {
            self.in_call.insert(user.session_id.clone());
        } else {
            self.in_call.remove(&user.session_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_JOIN: &str = r#"{"type":"event","event":{"target":"room","type":"join","join":[{"sessionid":"SID_W","userid":"","features":["internal-incall"]}]}}"#;
    const JOIN: &str = r#"{"type":"event","event":{"target":"room","type":"join","join":[{"sessionid":"SID_a","userid":"live1","features":["chat-relay"],"user":{"displayname":"live1"},"roomsessionid":"NCSID_a"}]}}"#;
    const LEAVE_A: &str = r#"{"type":"event","event":{"target":"room","type":"leave","leave":["SID_a"]}}"#;
    const LEAVE_B: &str = r#"{"event":{"leave":["SID_b"],"type":"leave","target":"room"},"type":"event"}"#;
    const ONLY_ITSELF: &str = r#"{"type":"event","event":{"target":"participants","type":"update","update":{"roomid":"ROOM","users":[{"internal":true,"features":["internal-incall"],"inCall":0,"sessionId":"SID_W","lastPing":1795415327}]}}}"#;
    const BOTH_IN_CALL: &str = r#"{"type":"event","event":{"target":"participants","type":"update","update":{"roomid":"ROOM","users":[{"userId":"live1","participantPermissions":254,"sessionId":"SID_a","actorType":"users","lastPing":1795415328,"participantType":1,"nextcloudSessionId":"NCSID_a","actorId":"live1","inCall":7},{"userId":"live2","sessionId":"SID_b","inCall":3,"participantType":3},{"internal":true,"features":["internal-incall"],"inCall":0,"sessionId":"SID_W","lastPing":1795415335}]}}}"#;
    const A_LEAVES_B_STAYS: &str = r#"{"event":{"update":{"users":[{"inCall":3,"sessionId":"SID_b"},{"sessionId":"SID_a","inCall":0},{"inCall":0,"sessionId":"SID_W","internal":true}],"roomid":"ROOM"},"type":"update","target":"participants"},"type":"event"}"#;
    const ONE_LEAVES: &str = r#"{"type":"event","event":{"target":"participants","type":"update","update":{"roomid":"ROOM","users":[{"internal":true,"features":["internal-incall"],"inCall":0,"sessionId":"SID_W","lastPing":1795415342},{"sessionId":"SID_a","actorId":"live1","inCall":0,"participantType":1,"participantPermissions":254,"actorType":"users","nextcloudSessionId":"NCSID_a","userId":"live1","lastPing":1795415340}]}}}"#;
    const B_LEAVES_ALONE: &str = r#"{"type":"event","event":{"target":"participants","type":"update","update":{"roomid":"ROOM","users":[{"sessionId":"SID_b","inCall":0}]}}}"#;
    const B_REMAINS: &str = r#"{"type":"event","event":{"target":"participants","type":"update","update":{"roomid":"ROOM","users":[{"sessionId":"SID_b","inCall":7},{"internal":true,"inCall":0,"sessionId":"SID_W"}]}}}"#;
    const ENDED_FOR_ALL: &str = r#"{"type":"event","event":{"target":"participants","type":"update","update":{"roomid":"ROOM","incall":0,"all":true}}}"#;
    const DELETED: &str = r#"{"type":"event","event":{"target":"room","type":"delete"}}"#;
    const SENT_OUT: &str = r#"{"type":"room","room":{"roomid":""}}"#;
    const RECORDING: &str = r#"{"type":"event","event":{"target":"room","type":"message","message":{"roomid":"ROOM","data":{"type":"recording","recording":{"status":3}}}}}"#;
    const CHAT: &str = r#"{"type":"event","event":{"target":"room","type":"message","message":{"roomid":"ROOM","data":{"type":"chat","chat":{"refresh":true}}}}}"#;
    const PROPERTIES: &str = r#"{"type":"room","room":{"roomid":"ROOM","properties":{"name":"Private conversation","type":2,"lobby-state":0,"lobby-timer":null,"read-only":0,"listable":0,"active-since":{"date":"2026-11-23 06:28:53.000000","timezone_type":3,"timezone":"UTC"},"sip-enabled":0,"description":""}}}"#;
    const PAGE_IN_CALL: &str = r#"{"type":"event","event":{"target":"participants","type":"update","update":{"roomid":"ROOM","users":[{"internal":true,"inCall":3,"sessionId":"SID_P"}]}}}"#;
    const LISTED: &str = r#"{"type":"event","event":{"target":"roomlist","type":"update","update":{"roomid":"ROOM","properties":{"name":"x"}}}}"#;

    fn after(frames: &[&str]) -> Room {
        let mut room = Room::default();
        for frame in frames {
            room.hear(&super::super::messages::parse(frame).unwrap().said);
        }
        room
    }

    #[test]
    fn somebody_is_in_the_call_until_the_last_one_has_gone_in_whatever_way() {
        let table: [(&str, &[&str], bool); 13] = [
            ("an empty room", &[OWN_JOIN, ONLY_ITSELF], false),
            ("in the room, not in the call", &[JOIN, ONLY_ITSELF], false),
            ("joined in mid-call", &[OWN_JOIN, JOIN, BOTH_IN_CALL], true),
            ("one leaves, one stays", &[BOTH_IN_CALL, A_LEAVES_B_STAYS], true),
            ("one leaves, then the other", &[BOTH_IN_CALL, ONE_LEAVES, B_LEAVES_ALONE], false),
            ("one of two leaves the room", &[BOTH_IN_CALL, B_LEAVES_ALONE], true),
            ("ended for everyone", &[BOTH_IN_CALL, ENDED_FOR_ALL], false),
            ("one is lost, with an update", &[BOTH_IN_CALL, LEAVE_A, B_REMAINS], true),
            ("the last one is lost, without an update", &[BOTH_IN_CALL, ONE_LEAVES, LEAVE_B], false),
            ("both are lost", &[BOTH_IN_CALL, LEAVE_B, LEAVE_A], false),
            ("a recording page alone", &[OWN_JOIN, PAGE_IN_CALL], false),
            ("everybody comes back", &[BOTH_IN_CALL, ENDED_FOR_ALL, BOTH_IN_CALL], true),
            ("talk of other things", &[BOTH_IN_CALL, CHAT, RECORDING, PROPERTIES, LISTED], true),
        ];
        for (case, frames, expected) in table {
            let room = after(frames);
            assert_eq!(room.is_anybody_in_call(), expected, "{case}");
            assert!(!room.is_deleted(), "{case}");
        }
    }

    #[test]
    fn either_sign_of_a_deleted_room_is_enough() {
        assert!(after(&[BOTH_IN_CALL, DELETED]).is_deleted());
        assert!(after(&[BOTH_IN_CALL, SENT_OUT]).is_deleted());
        assert!(!after(&[BOTH_IN_CALL, PROPERTIES, ENDED_FOR_ALL]).is_deleted());
    }
}
