//! Against a real server on the loopback interface, which plays a list of answers and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use super::*;

/// A request as it came over the wire.
struct Seen {
    head: String,
    body: serde_json::Value,
}

/// Answers one connection after another with the scripted (status line and extra headers, body), then goes away.
fn serve(script: Vec<(&'static str, String)>) -> (String, JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        script
            .into_iter()
            .map(|(head, body)| {
                let (stream, _) = listener.accept().unwrap();
                let seen = read_request(&stream);
                let mut stream = stream;
                write!(
                    stream,
                    "HTTP/1.1 {head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
                seen
            })
            .collect()
    });
    (url, server)
}

fn read_request(stream: &TcpStream) -> Seen {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "the request broke off");
    }
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
        })
        .expect("a request with a length");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Seen { head, body: serde_json::from_slice(&body).unwrap() }
}

const KEY: &str = "sk-very-secret-key";

fn endpoint(url: &str) -> HttpEndpoint {
    HttpEndpoint {
        url: url.into(),
        model: "m".into(),
        api_key: Some(KEY.into()),
        dim: Some(2),
        timeout_ms: 10_000,
        batch_len_max: 2,
    }
}

fn patient() -> RetryPolicy {
    RetryPolicy {
        attempts_max: 3,
        wait_first: Duration::from_millis(1),
        wait_max: Duration::from_millis(1500),
    }
}

fn rows(rows: &[(usize, &str)]) -> String {
    let rows: Vec<String> =
        rows.iter().map(|(i, e)| format!(r#"{{"index": {i}, "embedding": {e}}}"#)).collect();
    format!(r#"{{"object": "list", "data": [{}], "model": "m"}}"#, rows.join(","))
}

/// Embeds `texts` against one scripted answer.
fn embed_one(texts: &[&str], answer: (&'static str, String)) -> Result<Embeddings, Error> {
    let (url, server) = serve(vec![answer]);
    let result = HttpEmbedder::open_with(&endpoint(&url), patient()).unwrap().embed(texts);
    server.join().unwrap();
    result
}

#[test]
fn batches_are_cut_sent_and_put_back_in_order() {
    let (url, server) =
        serve(vec![("200 OK", rows(&[(1, "[0, 2]"), (0, "[3, 4]")])), ("200 OK", rows(&[(0, "[-5, 0]")]))]);
    let embedder = HttpEmbedder::open(&endpoint(&format!("{url}/"))).unwrap();
    let e = embedder.embed(&["one", " ", "two", "three", ""]).unwrap();
    assert_eq!(e.values, [0.6, 0.8, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0]);
    assert_eq!(
        *embedder.identity(),
        ModelIdentity { name: "m".into(), dim: 2, fingerprint: format!("{url}#m") }
    );

    let seen = server.join().unwrap();
    assert!(seen[0].head.starts_with("POST /v1/embeddings HTTP/1.1\r\n"));
    assert!(seen[0].head.to_ascii_lowercase().contains(&format!("authorization: bearer {KEY}\r\n")));
    assert_eq!(seen[0].body, serde_json::json!({"model": "m", "input": ["one", "two"]}));
    assert_eq!(seen[1].body, serde_json::json!({"model": "m", "input": ["three"]}));
}

#[test]
fn the_width_is_asked_for_where_not_given() {
    let (url, server) = serve(vec![("200 OK", rows(&[(0, "[1, 2, 3]")]))]);
    let embedder = HttpEmbedder::open(&HttpEndpoint { dim: None, ..endpoint(&url) }).unwrap();
    assert_eq!(embedder.identity().dim, 3);
    server.join().unwrap();
}

#[test]
fn a_busy_server_is_asked_again_and_heeded() {
    let (url, server) = serve(vec![
        ("429 Too Many Requests\r\nretry-after: 1", "slow down".into()),
        ("503 Service Unavailable", String::new()),
        ("200 OK", rows(&[(0, "[0, 1]")])),
    ]);
    let embedder = HttpEmbedder::open_with(&endpoint(&url), patient()).unwrap();
    assert_eq!(embedder.embed(&["x"]).unwrap().values, [0.0, 1.0]);
    assert_eq!(server.join().unwrap().len(), 3);
}

#[test]
fn patience_ends_and_says_so() {
    let (url, server) =
        serve(vec![("500 Oops", "a".into()), ("502 Bad", "b".into()), ("503 Busy", "c".into())]);
    let error = HttpEmbedder::open_with(&endpoint(&url), patient()).unwrap().embed(&["x"]).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 503, attempts: 3, retry_after_s: None, .. }), "{error}");
    server.join().unwrap();

    let error = embed_one(&["x"], ("429 Busy\r\nretry-after: 3600", String::new())).unwrap_err();
    assert!(
        matches!(error, Error::Refused { status: 429, attempts: 1, retry_after_s: Some(3600), .. }),
        "{error}"
    );
}

#[test]
fn the_key_is_in_no_message() {
    let echo = format!("Incorrect API key provided: {KEY}");
    let error = embed_one(&["x"], ("401 Unauthorized", echo)).unwrap_err();
    assert!(matches!(&error, Error::Refused { status: 401, attempts: 1, body_head, .. }
        if body_head == "Incorrect API key provided: [redacted]"));
    assert!(!format!("{error} {error:?}").contains(KEY));
    assert!(!format!("{:?}", endpoint("http://h")).contains(KEY));
    assert!(format!("{:?}", crate::ModelChoice::Http(endpoint("http://h"))).contains("[redacted]"));
    let bad_key = HttpEndpoint { api_key: Some(format!("{KEY}\n")), ..endpoint("http://h") };
    let error = HttpEmbedder::open(&bad_key).err().unwrap();
    assert!(!format!("{error} {error:?}").contains(KEY));
}

#[test]
fn a_wrong_answer_is_refused_by_field() {
    let wrong = |texts: &[&str], body: String| embed_one(texts, ("200 OK", body)).unwrap_err().to_string();
    assert!(wrong(&["x", "y"], rows(&[(0, "[1, 2]")])).contains("data: expected 2 rows, found 1"));
    assert!(wrong(&["x", "y"], rows(&[(0, "[1, 2]"), (0, "[1, 2]")])).contains("data[1].index"));
    assert!(
        wrong(&["x"], rows(&[(7, "[1, 2]")]))
            .contains("data[0].index: expected each of 0 to 0 once, found Some(7)")
    );
    assert!(
        wrong(&["x"], rows(&[(0, "[1, 2, 3]")])).contains("embedding of text 0: expected 2 numbers, found 3")
    );
    assert!(wrong(&["x"], rows(&[(0, "[1, 1e39]")])).contains("number out of range"));
    assert!(wrong(&["x"], rows(&[(0, "[1, null]")])).contains("body"));
    assert!(wrong(&["x"], "<html>".into()).contains("body"));
    assert!(wrong(&["x"], r#"{"error": "no"}"#.into()).contains("missing field `data`"));
}

#[test]
fn an_answer_without_indices_is_in_order() {
    let body = r#"{"data": [{"embedding": [1, 0]}, {"embedding": [0, 1]}]}"#;
    assert_eq!(embed_one(&["x", "y"], ("200 OK", body.into())).unwrap().values, [1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn a_redirect_is_an_error() {
    let error = embed_one(&["x"], ("307 Moved\r\nlocation: http://127.0.0.1:9/", String::new())).unwrap_err();
    assert!(matches!(error, Error::Refused { status: 307, .. }), "{error}");
}

#[test]
fn nobody_there_is_said_after_the_last_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = HttpEmbedder::open_with(&endpoint(&url), patient()).unwrap().embed(&["x"]).unwrap_err();
    assert!(matches!(error, Error::Unreachable { attempts: 3, .. }), "{error}");
}

#[test]
fn a_silent_server_is_not_waited_for_without_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let error = HttpEmbedder::open(&HttpEndpoint { timeout_ms: 50, ..endpoint(&url) })
        .unwrap()
        .embed(&["x"])
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { attempts: 1, .. }), "{error}");
}

#[test]
fn nothing_is_sent_for_nothing() {
    let embedder = HttpEmbedder::open(&endpoint("http://127.0.0.1:9")).unwrap();
    assert_eq!(embedder.embed(&[]).unwrap().rows(), 0);
    assert!(!embedder.embed(&["", "\t"]).unwrap().has_direction(1));
}

#[test]
fn a_bad_setting_is_refused_by_name() {
    let refused = |endpoint: HttpEndpoint| match HttpEmbedder::open(&endpoint).err().unwrap() {
        Error::Setting { field, found, .. } => (field, found),
        other => panic!("{other}"),
    };
    let good = endpoint("http://h/v1");
    for url in ["", "h/v1", "ftp://h", "http://", "http:///v1"] {
        assert_eq!(refused(endpoint(url)).0, "url", "{url:?}");
    }
    for url in ["https://user:secret@h/v1", "https://h/v1?key=secret", "https://h#secret"] {
        let (field, found) = refused(endpoint(url));
        assert!(field == "url" && !found.contains("secret"));
    }
    assert_eq!(refused(HttpEndpoint { model: String::new(), ..good.clone() }).0, "model");
    assert_eq!(refused(HttpEndpoint { dim: Some(0), ..good.clone() }).0, "dim");
    assert_eq!(refused(HttpEndpoint { timeout_ms: 0, ..good.clone() }).0, "timeout_ms");
    assert_eq!(refused(HttpEndpoint { batch_len_max: 0, ..good }).0, "batch_len_max");
}
