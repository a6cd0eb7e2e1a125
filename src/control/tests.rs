//! Both sides over a real socket, with a supervisor that knows no backend.

use std::{fs, os::unix::net::UnixListener};

use actors::supervisor::Supervisor;
use tokio::task::spawn_blocking;

use super::*;

fn request() -> Request {
    Request { wish: Wish::Retry, backend: "cloud".parse().unwrap(), recording: RecordingId::random() }
}

async fn ask_in(spool: &Path) -> Result<Answer, client::AskError> {
    let spool = spool.to_owned();
    spawn_blocking(move || ask(&spool, &request())).await.unwrap()
}

fn listen(spool: &Path) -> Option<Control> {
    Control::listen(spool, Supervisor::start_with(Vec::new(), Box::new(|_| None)))
}

#[actix_rt::test]
async fn a_request_is_answered_however_long_the_path_is() {
    let directory = tempfile::tempdir().unwrap();
    let spool = directory.path().join("a".repeat(120));
    fs::create_dir(&spool).unwrap();
    let control = listen(&spool).unwrap();
    let answer = ask_in(&spool).await.unwrap();
    assert!(matches!(answer, Answer::Refused(reason) if reason.contains("being restarted")));
    assert!(spool.join(SOCKET).exists());
    drop(control);
    assert!(!spool.join(SOCKET).exists(), "it goes with the server");
}

#[actix_rt::test]
async fn what_a_dead_server_left_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(directory.path().join(SOCKET)).unwrap());
    let error = ask_in(directory.path()).await.unwrap_err();
    assert!(error.to_string().contains("try again"), "{error}");
    let _control = listen(directory.path()).unwrap();
    assert!(ask_in(directory.path()).await.is_ok());
}

#[actix_rt::test]
async fn what_is_no_request_is_refused_and_the_next_one_is_heard() {
    let directory = tempfile::tempdir().unwrap();
    let _control = listen(directory.path()).unwrap();
    let socket = Place::of(directory.path()).unwrap();
    for nonsense in ["what?\n".to_owned(), "x".repeat(5000) + "\n"] {
        let path = socket.socket();
        let answer = spawn_blocking(move || {
            use std::io::{Read, Write};
            let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
            stream.write_all(nonsense.as_bytes()).unwrap();
            let mut answer = String::new();
            // The rest of a line that is too long is not read, which breaks the connection behind the answer.
            drop(stream.read_to_string(&mut answer));
            answer
        });
        let answer = answer.await.unwrap();
        assert!(answer.contains("not a request") || answer.is_empty(), "{answer}");
    }
    assert!(ask_in(directory.path()).await.is_ok());
}

#[test]
fn messages_are_lines_with_names_that_stay() {
    let id: RecordingId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    let request = Request { recording: id, ..request() };
    let line = String::from_utf8(line_of(&request).unwrap()).unwrap();
    assert_eq!(
        line,
        "{\"wish\":\"retry\",\"backend\":\"cloud\",\"recording\":\"0123456789abcdef0123456789abcdef\"}\n"
    );
    assert_eq!(line_of(&Answer::Done).unwrap(), b"\"done\"\n");
}
