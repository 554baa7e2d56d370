//! Real requests over real connections to a server on the loopback interface that answers as told, or not at all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::timeout::TimeoutConfig;
use contract::{Pace, RegionJob};
use ec2::port::{CreateSnapshot, ReadSnapshots};
use ec2::{Clients, Ec2, Kind};
use policy::model::Tags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{daily, refusal, snapshot_id, volume_id};

/// What the server does with a request.
#[derive(Debug, Clone)]
enum Answer {
    /// Status and body.
    Whole(u16, String),
    /// Announces the whole body, sends half of it and closes the connection.
    Half(String),
    /// Closes the connection.
    Nothing,
    /// Keeps the connection open and says nothing.
    Silence,
}

/// Starts a server that answers one request after the other, the last answer for ever. Gives its address and all
/// requests as they came.
async fn server(answers: Vec<Answer>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        let mut answers = answers.into_iter().peekable();
        let mut open = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            let request = one_request(&mut connection).await;
            seen.lock().unwrap().push(request);
            let answer = answers.next().unwrap();
            if answers.peek().is_none() {
                answers = vec![answer.clone()].into_iter().peekable();
            }
            let (status, body, sent) = match answer {
                Answer::Whole(status, body) => (status, body.clone(), body),
                Answer::Half(body) => (200, body.clone(), body[..body.len() / 2].to_owned()),
                Answer::Nothing => continue,
                Answer::Silence => {
                    open.push(connection);
                    continue;
                }
            };
            let head = format!(
                "HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            _ = connection.write_all((head + &sent).as_bytes()).await;
        }
    });
    (url, requests)
}

async fn one_request(connection: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text.into_owned();
            }
        }
        let read = connection.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the request ended too soon");
        request.extend_from_slice(&buffer[..read]);
    }
}

fn ec2(url: &str) -> Ec2 {
    let config = aws_sdk_ec2::Config::builder()
        .with_test_defaults_v2()
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(1)).build());
    Ec2::new(&aws_sdk_ec2::Client::from_conf(config.build()), Pace::default())
        .with_first_pause(Duration::from_millis(1))
}

fn created() -> String {
    let id = snapshot_id(7);
    format!(
        r#"<CreateSnapshotResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><snapshotId>{id}</snapshotId><status>pending</status></CreateSnapshotResponse>"#
    )
}

#[tokio::test]
async fn s11_the_tags_are_in_the_request_that_leaves_the_process() {
    let (url, requests) = server(vec![Answer::Whole(200, created())]).await;
    let tags = Tags::from_iter([("ebs-backup:policy", "daily"), ("Name", "a b")]);
    assert_eq!(ec2(&url).create(&volume_id(1), "what it is", &tags).await, Ok(snapshot_id(7)));
    let requests = requests.lock().unwrap();
    let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    for part in [
        "Action=CreateSnapshot&",
        "&VolumeId=vol-00000000000000001",
        "&Description=what%20it%20is",
        "&TagSpecification.1.ResourceType=snapshot",
        "&TagSpecification.1.Tag.1.Key=ebs-backup%3Apolicy&TagSpecification.1.Tag.1.Value=daily",
        "&TagSpecification.1.Tag.2.Key=Name&TagSpecification.1.Tag.2.Value=a%20b",
    ] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
}

#[tokio::test]
async fn s5_a_create_whose_answer_does_not_come_whole_is_sent_once() {
    for answer in [Answer::Nothing, Answer::Half(created()), Answer::Silence] {
        let (url, requests) = server(vec![answer.clone()]).await;
        let error = ec2(&url).create(&volume_id(1), "", &Tags::default()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{answer:?}: {error:?}");
        assert_eq!(error.code(), "Ec2Unavailable");
        assert_eq!(requests.lock().unwrap().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_read_whose_answer_does_not_come_whole_is_sent_again() {
    let empty = r#"<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><snapshotSet/></DescribeSnapshotsResponse>"#;
    let answers =
        vec![Answer::Nothing, Answer::Half(empty.to_owned()), Answer::Silence, Answer::Whole(200, empty.to_owned())];
    let (url, requests) = server(answers).await;
    assert_eq!(ec2(&url).managed(&daily()).await, Ok(vec![]));
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn an_error_is_read_from_the_wire_with_code_and_words() {
    let answer = Answer::Whole(400, refusal("SnapshotLimitExceeded", "100,000 are enough").unwrap());
    let (url, _) = server(vec![answer]).await;
    let error = ec2(&url).create(&volume_id(1), "", &Tags::default()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.message()),
        (Kind::Quota, "SnapshotLimitExceeded", "100,000 are enough")
    );
}

/// The clients that the Lambdas use take all from the environment, so they are tried in a process with one of its own.
#[tokio::test(flavor = "multi_thread")]
async fn s5_the_clients_of_a_step_do_not_retry_on_their_own_and_speak_to_the_jobs_region() {
    let (url, requests) = server(vec![Answer::Whole(500, refusal("InternalError", "").unwrap())]).await;
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "wire::creates_once_with_the_clients_of_this_process", "--ignored"]).envs([
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDLOCAL"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_REGION", "eu-west-1"),
    ]);
    let child = child.output().await.unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 1, "a create without a clear answer is sent once");
    assert!(requests[0].contains("/ap-southeast-2/ec2/aws4_request"), "signed for the job's region: {}", requests[0]);
}

#[tokio::test]
#[ignore = "the test before runs it, in a process with an environment of its own"]
async fn creates_once_with_the_clients_of_this_process() {
    let job: RegionJob = contract::parse::from_text(
        r#"{"region":"ap-southeast-2","runId":"one","startedAt":"2026-11-23T02:00:07Z","dryRun":false,"replay":0,
            "approvePurge":null,"pace":{"sharePercent":80},
            "policy":{"name":"daily","tag":{"key":"Backup"},"retention":{"keepDays":7},"floor":1,"purgeGuard":{}}}"#,
    )
    .unwrap();
    let access = Clients::from_env().await.of(&job);
    let error = access.write().unwrap().create(&volume_id(1), "", &Tags::default()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
}
