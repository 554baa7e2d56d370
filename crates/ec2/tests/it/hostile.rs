//! Answers that EC2 should never give: cut off, of another shape, with elements that are missing, doubled or absurd. They go
//! through the SDK's own reader, which passes over much of what it does not understand.
//!
//! Listings carry the promises of a run: a volume that is missing from one is not backed up, and nobody is told (S6); a
//! snapshot that is missing gets a twin (S5). So what cannot be read to its end must be an error, never a shorter list.

use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use contract::{Pace, Region, RunId, SnapshotId, TagKey, TagSelector, VolumeId};
use ec2::port::{CreateSnapshot, DeleteSnapshot, ReadSnapshots, ReadVolumes, Regions, VolumeStates};
use ec2::{Ec2, Ec2Error, Kind};
use policy::model::Tags;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::{daily, refusal, snapshot_id, volume_id};

/// An element of an answer: with a text or with children.
#[derive(Debug, Clone, PartialEq)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

fn leaf(name: &str, text: impl Into<String>) -> Element {
    Element { name: name.to_owned(), text: text.into(), children: Vec::new() }
}

fn node(name: &str, children: Vec<Element>) -> Element {
    Element { name: name.to_owned(), text: String::new(), children }
}

impl Element {
    fn xml(&self) -> String {
        let text = self.text.replace('&', "&amp;").replace('<', "&lt;");
        let inner = text + &self.children.iter().map(Element::xml).collect::<String>();
        if inner.is_empty() { format!("<{}/>", self.name) } else { format!("<{0}>{inner}</{0}>", self.name) }
    }

    /// This element and all in it, from the outside to the inside.
    fn each(&mut self, see: &mut impl FnMut(&mut Self)) {
        see(self);
        self.children.iter_mut().for_each(|child| child.each(see));
    }

    fn texts(&self) -> Vec<&str> {
        let inner = self.children.iter().flat_map(Element::texts);
        std::iter::once(self.text.as_str()).chain(inner).collect()
    }

    fn mutate(&mut self, mutation: &Mutation) {
        let mut count = 0;
        self.each(&mut |_| count += 1);
        let (chosen, mut at) = (mutation.element.index(count), 0);
        self.each(&mut |element| {
            if at == chosen {
                mutation.change.apply(element, mutation.child);
            }
            at += 1;
        });
    }
}

/// What is done to which element.
#[derive(Debug, Clone)]
struct Mutation {
    element: Index,
    child: Index,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    DropChild,
    DoubleChild,
    Empty,
    Text(String),
    Rename(String),
    Nest,
}

impl Change {
    fn apply(&self, element: &mut Element, child: Index) {
        if matches!(self, Self::Nest) {
            element.children = vec![element.clone()];
            return;
        }
        let children = &mut element.children;
        match self {
            Self::DropChild if !children.is_empty() => _ = children.remove(child.index(children.len())),
            Self::DoubleChild if !children.is_empty() => children.push(children[child.index(children.len())].clone()),
            Self::Text(text) => element.text.clone_from(text),
            Self::Rename(name) => element.name.clone_from(name),
            Self::DropChild | Self::DoubleChild | Self::Empty | Self::Nest => {
                children.clear();
                element.text.clear();
            }
        }
    }
}

/// Texts that are nothing EC2 would say where they stand.
const ABSURD: [&str; 24] = [
    "",
    " ",
    "true",
    "-1",
    "2147483648",
    "99999999999999999999",
    "1e9",
    "NaN",
    "0000-00-00T00:00:00.000Z",
    "2026-02-30T25:61:61.000Z",
    "9999-12-31T23:59:59.999Z",
    "+292277026596-12-04T15:30:08Z",
    "-9999-01-01T00:00:00Z",
    "1970-01-01T00:00:00+99:99",
    "yesterday",
    "vol-",
    "VOL-0123456789ABCDEF0",
    "vol-0123456789abcdef0 ",
    "vol-0123456789abcdef01",
    "snap-0123456",
    "snap-../../etc",
    "eu west 1",
    "recoverable",
    "ebs-backup:policy",
];

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let change = prop_oneof![
        2 => Just(Change::DropChild),
        2 => Just(Change::DoubleChild),
        1 => Just(Change::Empty),
        1 => Just(Change::Nest),
        3 => select(&ABSURD[..]).prop_map(|text| Change::Text(text.to_owned())),
        2 => "\\PC{0,24}".prop_map(Change::Text),
        1 => "[a-zA-Z]{1,12}|item".prop_map(Change::Rename),
    ];
    let mutation = (any::<Index>(), any::<Index>(), change);
    prop::collection::vec(mutation.prop_map(|(element, child, change)| Mutation { element, child, change }), 0..4)
}

fn tag_set() -> Element {
    let tag = |key: &str, value: &str| node("item", vec![leaf("key", key), leaf("value", value)]);
    node(
        "tagSet",
        vec![
            tag("Backup", ""),
            tag("ebs-backup:run", "one"),
            tag("ebs-backup:volume", volume_id(1).as_str()),
            tag("Name", "a & <b>"),
        ],
    )
}

fn snapshot(n: usize) -> Element {
    node(
        "item",
        vec![
            leaf("snapshotId", snapshot_id(n)),
            leaf("volumeId", volume_id(1)),
            leaf("status", "completed"),
            leaf("startTime", "2026-11-23T02:00:07.000Z"),
            leaf("progress", "100%"),
            leaf("ownerId", "111122223333"),
            leaf("volumeSize", "8"),
            leaf("encrypted", "true"),
            tag_set(),
        ],
    )
}

fn volume(n: usize) -> Element {
    let attachment =
        node("item", vec![leaf("instanceId", "i-0123456789abcdef0"), leaf("device", "/dev/xvda"), leaf("status", "x")]);
    node(
        "item",
        vec![
            leaf("volumeId", volume_id(n)),
            leaf("size", "8"),
            leaf("availabilityZone", "eu-west-1a"),
            leaf("status", "in-use"),
            leaf("createTime", "2026-11-23T02:00:07.000Z"),
            node("attachmentSet", vec![attachment]),
            tag_set(),
            leaf("volumeType", "gp3"),
            leaf("iops", "3000"),
            leaf("throughput", "125"),
            leaf("encrypted", "true"),
        ],
    )
}

fn region(name: &str) -> Element {
    node("item", vec![leaf("regionName", name), leaf("regionEndpoint", "ec2.amazonaws.com")])
}

/// The calls that the ports make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Regions,
    TaggedPage,
    Volumes,
    OfRun,
    Managed,
    Now,
    Create,
    Delete,
}

const LISTINGS: [Call; 6] = [Call::Regions, Call::TaggedPage, Call::Volumes, Call::OfRun, Call::Managed, Call::Now];

fn any_call() -> impl Strategy<Value = Call> {
    select([&LISTINGS[..], &[Call::Create, Call::Delete]].concat())
}

impl Call {
    /// The answer that EC2 gives to it, with two entries where it is a listing.
    fn answer(self) -> Element {
        let (name, fields) = match self {
            Self::Regions => {
                ("DescribeRegions", vec![node("regionInfo", vec![region("eu-west-1"), region("us-east-1")])])
            }
            Self::TaggedPage | Self::Volumes => {
                ("DescribeVolumes", vec![node("volumeSet", vec![volume(1), volume(2)]), leaf("nextToken", "")])
            }
            Self::OfRun | Self::Managed | Self::Now => {
                ("DescribeSnapshots", vec![node("snapshotSet", vec![snapshot(1), snapshot(2)]), leaf("nextToken", "")])
            }
            Self::Create => ("CreateSnapshot", snapshot(1).children),
            Self::Delete => ("DeleteSnapshot", vec![leaf("return", "true")]),
        };
        let request_id = leaf("requestId", "59dbff89-35bd-4eac-99ed-be587EXAMPLE");
        node(&format!("{name}Response"), [vec![request_id], fields].concat())
    }

    fn rule(self, status: u16, body: &str) -> Rule {
        // As often as a read is sent, then the page after it, so that a token without an end comes to one.
        macro_rules! rule {
            ($call:ident) => {
                mock!(Client::$call)
                    .sequence()
                    .http_status(status, Some(body.to_owned()))
                    .times(6)
                    .http_status(200, Some(self.last_page()))
                    .build()
            };
        }
        match self {
            Self::Regions => rule!(describe_regions),
            Self::TaggedPage | Self::Volumes => rule!(describe_volumes),
            Self::OfRun | Self::Managed | Self::Now => rule!(describe_snapshots),
            Self::Create => rule!(create_snapshot),
            Self::Delete => rule!(delete_snapshot),
        }
    }

    fn last_page(self) -> String {
        let mut page = self.answer();
        for set in page.children.iter_mut().filter(|child| child.name.ends_with("Set")) {
            set.children.clear();
        }
        page.xml()
    }

    /// The ids that the port makes of this answer.
    fn ask(self, status: u16, body: &str) -> Result<Vec<String>, Ec2Error> {
        let rules = [&self.rule(status, body)];
        let client =
            mock_client!(aws_sdk_ec2, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()));
        let ec2 = Ec2::new(&client, Pace { share_percent: 100 }).with_first_pause(Duration::from_nanos(1));
        let selector = TagSelector { key: TagKey::new("Backup").unwrap(), value: None };
        let (run, volumes, snapshots) = (RunId::new("one").unwrap(), [volume_id(1)], [snapshot_id(1)]);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            Ok(match self {
                Self::Regions => shown(&ec2.enabled_regions().await?, Region::as_str),
                Self::TaggedPage => {
                    let page = ec2.tagged_page(&selector, VolumeStates::Any, None).await?;
                    shown(&page.volumes, |(id, _)| id.as_str())
                }
                Self::Volumes => shown(&ec2.volumes(&volumes).await?, |volume| volume.id.as_str()),
                Self::OfRun => shown(&ec2.of_run(&daily(), &run, &volumes).await?, |snapshot| snapshot.id.as_str()),
                Self::Managed => shown(&ec2.managed(&daily()).await?, |snapshot| snapshot.id.as_str()),
                Self::Now => shown(&ec2.now(&snapshots).await?, |snapshot| snapshot.id.as_str()),
                Self::Create => vec![ec2.create(&volumes[0], "", &Tags::default()).await?.to_string()],
                Self::Delete => ec2.delete(&snapshots[0]).await.map(|()| Vec::new())?,
            })
        })
    }
}

fn shown<T>(items: &[T], id: impl Fn(&T) -> &str) -> Vec<String> {
    items.iter().map(|item| id(item).to_owned()).collect()
}

/// Whether `id` has the form of what a port gives out.
fn well_formed(call: Call, id: &str) -> bool {
    match call {
        Call::Regions => Region::new(id).is_ok(),
        Call::TaggedPage | Call::Volumes => VolumeId::new(id).is_ok(),
        Call::OfRun | Call::Managed | Call::Now | Call::Create | Call::Delete => SnapshotId::new(id).is_ok(),
    }
}

fn assert_named(error: &Ec2Error) -> Result<(), TestCaseError> {
    prop_assert!(!error.code().trim().is_empty(), "an error without a name: {error:?}");
    prop_assert!(!error.to_string().is_empty());
    Ok(())
}

#[test]
fn the_answers_that_are_spoilt_here_are_good_ones() {
    for call in LISTINGS {
        assert_eq!(call.ask(200, &call.answer().xml()).unwrap().len(), 2, "{call:?}");
    }
    assert_eq!(Call::Create.ask(200, &Call::Create.answer().xml()), Ok(vec![snapshot_id(1).to_string()]));
    assert_eq!(Call::Delete.ask(200, &Call::Delete.answer().xml()), Ok(vec![]));
}

#[test]
fn s6_an_answer_of_another_shape_is_no_empty_listing_and_no_success() {
    for call in [&LISTINGS[..], &[Call::Create, Call::Delete]].concat() {
        let root = call.answer().name;
        for body in [
            String::new(),
            " \n".to_owned(),
            "upstream".to_owned(),
            "<html><body>Sorry</body></html>".to_owned(),
            r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned(),
            r#"{"snapshotSet":[]}"#.to_owned(),
            refusal("InternalError", "with the status of a success").unwrap(),
            format!("<{root}>"),
        ] {
            let error = call.ask(200, &body).expect_err(&format!("{call:?} of {body:?}"));
            assert_eq!(error.kind(), Kind::Unavailable, "{call:?} of {body:?}: {error}");
        }
    }
}

#[test]
fn s6_a_listing_without_its_list_is_no_empty_listing() {
    for call in LISTINGS {
        let mut answer = call.answer();
        answer.children.retain(|child| child.children.is_empty());
        let error = call.ask(200, &answer.xml()).expect_err(&format!("{call:?}"));
        assert_eq!(error.kind(), Kind::Unavailable, "{call:?}: {error}");
        answer = call.answer();
        answer.children.iter_mut().for_each(|set| set.children.clear());
        assert_eq!(call.ask(200, &answer.xml()), Ok(vec![]), "{call:?}: an empty list is one");
    }
}

#[test]
fn s6_a_character_that_is_not_xml_makes_no_shorter_listing() {
    for call in LISTINGS {
        let answer = call.answer().xml();
        let (at, _) = answer.rmatch_indices("<item>").next().unwrap();
        for poison in ["\u{1}", "\u{fffe}", "<", "</item>", "<!-- ", "<a b=c>"] {
            let body = format!("{}{poison}{}", &answer[..at], &answer[at..]);
            let error = call.ask(200, &body).expect_err(&format!("{call:?} with {poison:?}"));
            assert_eq!(error.kind(), Kind::Unavailable, "{call:?} with {poison:?}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn s5_s6_an_answer_that_is_cut_anywhere_is_lost(call in any_call(), changes in mutations(), at in any::<Index>()) {
        let mut answer = call.answer();
        changes.iter().for_each(|mutation| answer.mutate(mutation));
        let body = answer.xml();
        let body: String = body.chars().take(at.index(body.chars().count())).collect();
        match call.ask(200, &body) {
            Ok(ids) => prop_assert!(false, "{call:?} made {ids:?} of {body}"),
            Err(error) => {
                prop_assert_eq!(error.kind(), Kind::Unavailable, "{}", error);
                assert_named(&error)?;
            }
        }
    }

    #[test]
    fn what_is_made_of_an_absurd_answer_is_well_formed_or_an_error(call in any_call(), changes in mutations()) {
        let mut answer = call.answer();
        changes.iter().for_each(|mutation| answer.mutate(mutation));
        match call.ask(200, &answer.xml()) {
            Ok(ids) => {
                let texts = answer.texts();
                for id in &ids {
                    prop_assert!(well_formed(call, id), "{id:?}");
                    prop_assert!(texts.contains(&id.as_str()), "{id} stands nowhere in the answer");
                }
                prop_assert!(call != Call::Create || ids.len() == 1, "a create without an id");
            }
            Err(error) => assert_named(&error)?,
        }
    }

    #[test]
    fn an_error_body_of_any_shape_is_an_error_with_a_name(
        call in any_call(), status in prop_oneof![400_u16..600, Just(400), Just(503)], changes in mutations(),
        code in prop_oneof![Just("InvalidSnapshot.NotFound".to_owned()), "\\PC{0,12}"], cut in any::<Index>(), whole: bool,
    ) {
        let error = node("Error", vec![leaf("Code", code), leaf("Message", "no")]);
        let mut refusal = node("Response", vec![node("Errors", vec![error]), leaf("RequestID", "1")]);
        changes.iter().for_each(|mutation| refusal.mutate(mutation));
        let body = refusal.xml();
        let length = body.chars().count();
        let body: String = body.chars().take(if whole { length } else { cut.index(length) }).collect();
        match call.ask(status, &body) {
            Ok(ids) => prop_assert!(false, "{call:?} made {ids:?} of a {status}"),
            Err(error) => assert_named(&error)?,
        }
    }

    #[test]
    fn any_text_with_any_status_is_read_or_refused(call in any_call(), status in prop_oneof![Just(200), 200_u16..600], body in ".{0,60}") {
        match call.ask(status, &body) {
            Ok(ids) => prop_assert!(false, "{call:?} made {ids:?} of {body:?}"),
            Err(error) => assert_named(&error)?,
        }
    }
}
