//! What it is all for: the data comes back.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_ec2::types::{Snapshot, Volume};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use local_aws::fleet as volumes;
use local_aws::mail::Mailbox;
use local_aws::run::{Outcome, Run};
use local_aws::stack::Stack;
use serde_json::{Value, json};

use crate::fleet::{Fleet, HOME};
use crate::show::{self, Expectations};
use crate::story::{MAIL_WITHIN, show_mail};

/// A restore takes seconds; this is for a machine that is busy with other things.
const RESTORE_WITHIN: Duration = Duration::from_secs(120);
/// Where volumes are tested.
const TESTED: &str = "us-east-1";

/// A volume as it was a night ago takes the place of the live one; then a test restores others and deletes them again.
pub async fn the_data_comes_back(
    stack: &Stack,
    fleet: &Fleet,
    mailbox: &mut Mailbox,
    expectations: &mut Expectations,
) -> Result<()> {
    show::heading("Somebody broke the web server's data: it comes back as it was before the last night");
    let ec2 = stack.account.ec2(HOME);
    let old = &fleet.selected[HOME][0];
    let snapshots = volumes::snapshots(&ec2).await?;
    let mut of_volume: Vec<&Snapshot> = snapshots.iter().filter(|one| one.volume_id() == Some(old)).collect();
    of_volume.retain(|one| volumes::tag_of(one, "ebs-backup:run").is_some());
    of_volume.sort_by_key(|one| moment(one));
    let wanted = of_volume.first().context("no snapshot of the volume")?;
    let at = moment(wanted).context("a snapshot without a moment")? + TimeDelta::milliseconds(1);
    let before = volume(&ec2, old).await?;
    let (instance, device) = attached(&before).context("the volume is attached to nothing")?;
    let input = json!({
        "region": HOME, "volumeId": old, "at": at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "attach": { "instanceId": instance }, "replace": true,
    });
    let outcome = restore(stack, &input).await?;
    let mail = mailbox.next(MAIL_WITHIN).await?;
    show_mail(&mail, usize::MAX);
    expectations.expect(outcome.succeeded(), "the execution is green");
    let all = ec2.describe_volumes().send().await.context("DescribeVolumes")?;
    let now_there = all.volumes().iter().find(|volume| attached(volume) == Some((instance, device)));
    expectations.expect(
        now_there.is_some_and(|new| new.snapshot_id() == wanted.snapshot_id() && new.volume_id() != Some(old)),
        &format!("a volume of that night is at {device}, where the other one was"),
    );
    let kept = volume(&ec2, old).await?;
    expectations.expect(
        attached(&kept).is_none() && volumes::snapshots(&ec2).await?.len() == snapshots.len() + 1,
        "the old one is kept, detached, with a snapshot of its last moment",
    );

    show::heading(&format!("A restore test in {TESTED}: can a sample of what is there be restored?"));
    let ec2 = stack.account.ec2(TESTED);
    let count = async || Ok::<_, anyhow::Error>(ec2.describe_volumes().send().await?.volumes().len());
    let before = count().await?;
    let outcome = restore(stack, &json!({ "region": TESTED, "test": true, "sample": { "volumes": 2 } })).await?;
    let mail = mailbox.next(MAIL_WITHIN).await?;
    show_mail(&mail, usize::MAX);
    expectations.expect(outcome.succeeded() && mail.subject.contains("PASSED"), "two volumes became available");
    expectations.expect(count().await? == before, "and were deleted again, with nothing left behind");
    Ok(())
}

async fn restore(stack: &Stack, input: &Value) -> Result<Outcome> {
    show::line(&format!("{} {input}", show::dim("input")));
    let spinner = show::spinner("restoring");
    let outcome = Run::restore(stack, None, input).await?.wait(RESTORE_WITHIN).await;
    spinner.finish_and_clear();
    let outcome = outcome?;
    let verdict = if outcome.succeeded() { show::green("green") } else { show::red("red") };
    show::line(&format!(
        "{} {verdict} {}",
        show::dim("execution"),
        show::dim(&format!("in {}", show::seconds(outcome.took)))
    ));
    if !outcome.succeeded() {
        show::quote(outcome.cause.as_deref().unwrap_or_default(), usize::MAX);
    }
    Ok(outcome)
}

fn moment(snapshot: &Snapshot) -> Option<DateTime<Utc>> {
    let at = snapshot.start_time()?;
    DateTime::from_timestamp(at.secs(), at.subsec_nanos())
}

async fn volume(ec2: &aws_sdk_ec2::Client, id: &str) -> Result<Volume> {
    let found = ec2.describe_volumes().volume_ids(id).send().await.context("DescribeVolumes")?;
    found.volumes().first().cloned().with_context(|| format!("no volume {id}"))
}

/// Where a volume is attached: the instance and the device.
fn attached(volume: &Volume) -> Option<(&str, &str)> {
    volume.attachments().first().and_then(|at| Some((at.instance_id()?, at.device()?)))
}
