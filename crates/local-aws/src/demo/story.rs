//! The story, chapter by chapter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{Days, NaiveDate, Utc};
use contract::errors::REGIONS_FAILED;
use contract::selector::{KEEP_TAG, POLICY_TAG, RUN_TAG, VOLUME_TAG};
use local_aws::account::Account;
use local_aws::fleet::VolumeSpec;
use local_aws::mail::{Mail, Mailbox};
use local_aws::run::Run;
use local_aws::server::{self, Lifetime, Server};
use local_aws::setup::Setup;
use local_aws::stack::{AccountConfig, Stack};
use local_aws::{deny, fleet as volumes};
use serde_json::json;

use crate::Options;
use crate::fleet::{self, Fleet, HOME, LOST};
use crate::nights::{self, Pass};
use crate::restores;
use crate::show::{self, Expectations};

/// The account of AWS's own examples.
const ACCOUNT: &str = "111122223333";
/// The policy's name.
const POLICY: &str = "daily";
/// The policy with years before it.
const ARCHIVE: &str = "archive";
/// The nights that its volume has behind it.
const NIGHTS_BEFORE: u64 = 40;
/// Snapshots that the policy keeps of each volume.
const KEEP_LAST: usize = 2;
/// How a report begins the details of a region. What failed and how to replay it comes before them.
const DETAILS: &str = "--- ";
/// A report is sent before the execution ends.
pub const MAIL_WITHIN: Duration = Duration::from_secs(10);

/// Tells the story.
///
/// # Errors
/// When something cannot be done, or is not as it should be.
pub async fn tell(options: &Options) -> Result<()> {
    let begun = Instant::now();
    let mut expectations = Expectations::default();
    show::title(
        "EBS Backup: a fleet, four nights, a region that goes away, a plan with its reasons, and the data back",
    );

    let setup = Setup::find(options.python.clone(), options.cdk_dir.clone(), options.lambda_dir.clone())?;
    let server = start(&setup, options.keep).await?;
    let account = Account::new(&server, ACCOUNT)?;
    let stack = deploy(&setup, &account).await?;
    show::heading("A fleet in six regions");
    let fleet = fleet::make(&account).await?;
    let mut mailbox = Mailbox::open(&server, &stack.topic_arn)?;

    three_nights(&stack, &fleet, &mut mailbox, &mut expectations).await?;
    a_region_goes_away(&stack, &fleet, &mut mailbox, &mut expectations).await?;
    delivered_again(&stack, &fleet, &mut mailbox, &mut expectations).await?;
    what_there_is(&stack, &fleet, &mut expectations).await?;
    a_plan_with_reasons(&stack, &mut mailbox, &mut expectations).await?;
    restores::the_data_comes_back(&stack, &fleet, &mut mailbox, &mut expectations).await?;

    show::heading(&format!("The end, after {}", show::seconds(begun.elapsed())));
    if options.keep {
        look_around(&server, &stack);
    }
    drop(server);
    expectations.all_met()?;
    if !options.keep {
        show::note("The local AWS is gone, with all that ran in it. `--keep` leaves it up to look around.");
    }
    Ok(())
}

async fn start(setup: &Setup, keep: bool) -> Result<Server> {
    show::heading("A local AWS");
    let begun = Instant::now();
    let lifetime = if keep { Lifetime::Free } else { Lifetime::Bound };
    let server = Server::start(&server::Options { lifetime, ..server::Options::new(setup.python()) }).await?;
    show::line(&format!("{}, IAM policies evaluated {}", server.endpoint(), took(begun)));
    Ok(server)
}

async fn deploy(setup: &Setup, account: &Account) -> Result<Stack> {
    show::heading("The stack, by the CDK app that deploys to AWS");
    let begun = Instant::now();
    let mut config = AccountConfig::new("demo", HOME);
    config.policies = vec![
        json!({
            "name": POLICY,
            "tag": { "key": "Backup" },
            "retention": { "keepLast": KEEP_LAST },
            "regions": { "include": fleet::regions() },
        }),
        json!({
            "name": ARCHIVE,
            "tag": { "key": "Archive" },
            "retention": { "keepDaily": 7, "keepWeekly": 4, "keepMonthly": 12 },
            "regions": { "include": [HOME] },
        }),
    ];
    let spinner = show::spinner("deploying");
    let stack = setup.app()?.deploy(account, &config).await;
    spinner.finish_and_clear();
    let stack = stack?;
    show::line(&format!("{} {}", stack.machine_arn, took(begun)));
    show::note(&format!("policy {POLICY}: volumes tagged Backup, the last {KEEP_LAST} snapshots of each"));
    Ok(stack)
}

async fn three_nights(
    stack: &Stack,
    fleet: &Fleet,
    mailbox: &mut Mailbox,
    expectations: &mut Expectations,
) -> Result<()> {
    let size = as_count(fleet.size());
    for night in 1..=3 {
        let run_id = run_id_of(night);
        show::heading(&format!("Night {night}: {run_id}"));
        let (_, pass) = a_night(stack, &run_id).await?;
        expectations.expect(
            pass.outcome.succeeded() && pass.total(|region| region.tally.volumes.created) == size,
            &format!("every one of the {size} tagged volumes has a snapshot"),
        );
        // Only the third finds a snapshot that two newer ones make superfluous.
        let due = if night > KEEP_LAST { size } else { 0 };
        let deleted = pass.total(|region| region.tally.snapshots.deleted);
        let what = if due == 0 {
            "nothing is purged".to_owned()
        } else {
            format!("{due} snapshots beyond the last {KEEP_LAST} are purged")
        };
        expectations.expect(deleted == due, &what);
        let mail = mailbox.next(MAIL_WITHIN).await?;
        if night == 3 {
            show_mail(&mail, usize::MAX);
        }
    }
    Ok(())
}

async fn a_region_goes_away(
    stack: &Stack,
    fleet: &Fleet,
    mailbox: &mut Mailbox,
    expectations: &mut Expectations,
) -> Result<()> {
    let run_id = run_id_of(4);
    show::heading(&format!("Night 4: {run_id}, and {LOST} is denied to the functions"));
    deny::take_away(&stack.account, LOST).await?;
    let (mut run, pass) = a_night(stack, &run_id).await?;
    let others = as_count(fleet.size() - fleet.selected[LOST].len());
    expectations.expect(
        pass.failed() == [LOST] && pass.total(|region| region.tally.volumes.created) == others,
        "the other regions finished",
    );
    expectations.expect(pass.outcome.failed_with(REGIONS_FAILED), "the execution is red");
    let mail = mailbox.next(MAIL_WITHIN).await?;
    expectations.expect(mail.text.contains(LOST), &format!("the report names {LOST}"));
    show_mail(&mail, mail.text.lines().position(|line| line.starts_with(DETAILS)).unwrap_or(usize::MAX));
    let before = ids(stack, fleet).await?;

    show::heading(&format!("{LOST} is given back, and the execution redriven from the failure"));
    deny::give_back(&stack.account, LOST).await?;
    run.redrive().await?;
    let pass = nights::follow(&run).await?;
    let ran: Vec<&str> = pass.regions.iter().map(|region| region.region.as_str()).collect();
    expectations.expect(ran == [LOST], &format!("only {LOST} ran again"));
    expectations.expect(pass.outcome.succeeded(), "the execution is green");
    let mail = mailbox.next(MAIL_WITHIN).await?;
    show::line(&format!("{} {}", show::dim("report"), mail.subject));
    let after = ids(stack, fleet).await?;
    let untouched = before.iter().all(|(region, ids)| region == LOST || after.get(region) == Some(ids));
    expectations.expect(untouched, "no snapshot came or went in the other regions");
    Ok(())
}

async fn delivered_again(
    stack: &Stack,
    fleet: &Fleet,
    mailbox: &mut Mailbox,
    expectations: &mut Expectations,
) -> Result<()> {
    show::heading("The schedule delivers night 4 once more, as it may");
    let before = ids(stack, fleet).await?;
    let (_, pass) = a_night(stack, &run_id_of(4)).await?;
    mailbox.next(MAIL_WITHIN).await?;
    let existing = pass.total(|region| region.tally.volumes.existing);
    expectations.expect(
        pass.outcome.succeeded() && existing == as_count(fleet.size()),
        "every volume has its snapshot of this run already",
    );
    expectations.expect(ids(stack, fleet).await? == before, "nothing was made twice, and nothing deleted");
    Ok(())
}

async fn what_there_is(stack: &Stack, fleet: &Fleet, expectations: &mut Expectations) -> Result<()> {
    show::heading("What there is now");
    let mut per_run_and_volume: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut foreign_is_there = false;
    for region in fleet.selected.keys() {
        for snapshot in volumes::snapshots(&stack.account.ec2(region)).await? {
            foreign_is_there |= snapshot.snapshot_id() == Some(fleet.foreign.as_str());
            if volumes::tag_of(&snapshot, "ebs-backup:policy") == Some(POLICY) {
                let run = volumes::tag_of(&snapshot, "ebs-backup:run").unwrap_or_default().to_owned();
                let volume = snapshot.volume_id().unwrap_or_default().to_owned();
                *per_run_and_volume.entry((run, volume)).or_default() += 1;
            }
        }
    }
    let kept = [run_id_of(3), run_id_of(4)];
    let wanted: BTreeSet<(String, String)> = fleet
        .selected
        .values()
        .flatten()
        .flat_map(|volume| kept.iter().map(|run| (run.clone(), volume.clone())))
        .collect();
    expectations.expect(
        per_run_and_volume.keys().cloned().collect::<BTreeSet<_>>() == wanted,
        &format!(
            "each of the {} tagged volumes has a snapshot of each of the last {KEEP_LAST} nights, and none of the {} others has any",
            fleet.size(),
            fleet.left_alone,
        ),
    );
    expectations.expect(per_run_and_volume.values().all(|count| *count == 1), "never more than one of a night");
    expectations.expect(foreign_is_there, "the snapshot made by hand is still there");
    Ok(())
}

/// A policy that finds forty nights of another one's making: what it would do, why, and that nobody believes it at once.
async fn a_plan_with_reasons(stack: &Stack, mailbox: &mut Mailbox, expectations: &mut Expectations) -> Result<()> {
    show::heading(&format!("The policy {ARCHIVE}, its volume with {NIGHTS_BEFORE} nights behind it: a dry run"));
    let ec2 = stack.account.ec2(HOME);
    let made = volumes::make(&ec2, HOME, &[VolumeSpec::new().tag("Archive", "ledger")]).await?;
    let volume = made.first().map(String::as_str).unwrap_or_default();
    for n in 1..=NIGHTS_BEFORE {
        let night = Utc::now().date_naive() - Days::new(n);
        let run = format!("{ARCHIVE}-{night}T02:00:00Z");
        let mut tags = vec![(POLICY_TAG, ARCHIVE), (RUN_TAG, run.as_str()), (VOLUME_TAG, volume)];
        if n == NIGHTS_BEFORE / 2 {
            tags.push((KEEP_TAG, "audit"));
        }
        volumes::past_snapshot(&ec2, volume, &tags, &format!("{night}T02:00:07Z"), "completed").await?;
    }
    let there = async || Ok::<_, anyhow::Error>(volumes::snapshots(&ec2).await?.len());
    let before = there().await?;

    let run = Run::start(stack, None, &json!({ "policy": ARCHIVE, "dryRun": true })).await?;
    nights::follow(&run).await?;
    let mail = mailbox.next(MAIL_WITHIN).await?;
    show_mail(&mail, usize::MAX);
    expectations.expect(there().await? == before, "nothing was made, and nothing deleted");
    let reasons = ["keepDaily", "keepWeekly", "keepMonthly", "hold tag", "no rule wants it"];
    expectations.expect(reasons.iter().all(|reason| mail.text.contains(reason)), "the plan tells its reasons");

    show::heading("The real run: more than half would go, so the guard holds the purge");
    let run = Run::start(stack, None, &json!({ "policy": ARCHIVE })).await?;
    let pass = nights::follow(&run).await?;
    let mail = mailbox.next(MAIL_WITHIN).await?;
    let deleted = |pass: &Pass| pass.total(|region| region.tally.snapshots.deleted);
    let expired = pass.total(|region| region.tally.snapshots.expired);
    expectations.expect(expired > 0 && deleted(&pass) == 0, &format!("{expired} are to go, and none is deleted"));
    let approval = mail.text.lines().map(str::trim).find(|line| line.starts_with('{') && line.contains("approvePurge"));
    expectations.expect(approval.is_some(), "the report shows what to paste to let exactly this plan pass");
    let Some(approval) = approval else { return Ok(()) };
    show::line(&format!("{} {approval}", show::dim("input")));

    show::heading("Somebody looks, and approves");
    let run = Run::start(stack, None, &serde_json::from_str(approval)?).await?;
    let pass = nights::follow(&run).await?;
    mailbox.next(MAIL_WITHIN).await?;
    expectations.expect(deleted(&pass) == expired, &format!("those {expired} are gone, and no other"));
    Ok(())
}

async fn a_night(stack: &Stack, run_id: &str) -> Result<(Run, Pass)> {
    let run = Run::start(stack, None, &json!({ "runId": run_id, "policy": POLICY })).await?;
    let pass = nights::follow(&run).await?;
    Ok((run, pass))
}

/// The ids of all snapshots, by region.
async fn ids(stack: &Stack, fleet: &Fleet) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut ids = BTreeMap::new();
    for region in fleet.selected.keys() {
        let snapshots = volumes::snapshots(&stack.account.ec2(region)).await?;
        ids.insert(region.clone(), snapshots.iter().filter_map(|one| one.snapshot_id().map(str::to_owned)).collect());
    }
    Ok(ids)
}

/// The schedule's run ids: the policy and the time it was due. The fourth night is this one.
fn run_id_of(night: usize) -> String {
    let tonight: NaiveDate = Utc::now().date_naive();
    let date = tonight.checked_sub_days(Days::new(as_count(4 - night))).unwrap_or(tonight);
    format!("{POLICY}-{date}T02:00:00Z")
}

pub fn show_mail(mail: &Mail, lines: usize) {
    println!();
    show::line(&format!("{} {}", show::dim("To"), mail.to));
    show::line(&format!("{} {}", show::dim("Subject"), show::bold(&mail.subject)));
    show::quote(&mail.text, lines);
}

fn look_around(server: &Server, stack: &Stack) {
    show::line("The local AWS stays up. To look around with the AWS CLI:");
    println!();
    for (name, value) in stack.account.environment(HOME) {
        println!("    export {name}={value}");
    }
    println!("    aws stepfunctions list-executions --state-machine-arn {}", stack.machine_arn);
    println!("    aws ec2 describe-snapshots --owner-ids self --region {LOST}");
    println!("    aws logs tail /aws/lambda/ebs-backup-create-snapshots");
    println!();
    show::line("To end it:");
    println!();
    println!("    kill -- -{} && rm -r {}", server.process_id(), server.home().display());
}

fn took(begun: Instant) -> String {
    show::dim(&format!("in {}", show::seconds(begun.elapsed())))
}

fn as_count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
