//! The report for people.

use chrono::{DateTime, Utc};
use contract::restore::{Progress, RestoreVolume, Source};
use policy::volume_type;
use report_topic::words::counted;

use crate::{Ended, advice, commands};

/// What a restore is of, in a few words: the end of the subject.
pub fn what(ended: &Ended<'_>) -> String {
    let of = of(&ended.job.source);
    match ended.failures() {
        0 => of,
        failures => format!("{of}: {}", counted(failures.into(), "problem")),
    }
}

fn of(source: &Source) -> String {
    match source {
        Source::VolumeId(id) => id.to_string(),
        Source::SnapshotId(id) => id.to_string(),
        Source::InstanceId(id) => format!("all volumes of {id}"),
        Source::Sample(_) => "a sample".to_owned(),
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The lines of the report.
pub fn render(ended: &Ended<'_>) -> Vec<String> {
    let mut lines = head(ended);
    if let Some(stopped) = ended.stopped {
        lines.push(format!("The restore stopped: {}: {}", stopped.error, stopped.cause));
        lines.extend(advice::on(&stopped.error).map(|advice| format!("  what helps: {advice}")));
        lines.push(String::new());
    }
    for volume in ended.volumes {
        lines.extend(one(ended, volume));
        lines.push(String::new());
    }
    if !ended.strays.is_empty() {
        lines.push(
            "Made by this restore, and no part of what it knows of. See what is on them before you delete them:"
                .to_owned(),
        );
        for stray in &ended.strays {
            lines.push(format!("  {stray}"));
            lines.push(format!("    {}", commands::delete_volume(&ended.job.region, stray)));
        }
        lines.push(String::new());
    }
    if let Err(error) = &ended.looked {
        lines.push(format!("EC2 could not be asked which volumes this restore has made: {error}"));
        lines.push(format!(
            "  aws ec2 describe-volumes --region {} --filters Name=tag:ebs-backup:restore,Values={}",
            ended.job.region, ended.job.restore_id
        ));
        lines.push(String::new());
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn head(ended: &Ended<'_>) -> Vec<String> {
    let job = ended.job;
    let at = job.at.map_or_else(|| "the newest restore point".to_owned(), |at| format!("as of {}", moment(at)));
    let asked = if job.test {
        format!("a test of {}", counted(ended.volumes.len() as u64, "volume"))
    } else {
        format!("{}, {at}", of(&job.source))
    };
    vec![
        format!("EBS Backup {}", ended.title()),
        String::new(),
        format!("Account:    {} ({})", ended.account_name, ended.account_id),
        format!("Region:     {}", job.region),
        format!("Restore:    {}, started {}", job.restore_id, moment(job.started_at)),
        format!("Asked for:  {asked}"),
        format!("Execution:  {}", ended.link),
        String::new(),
    ]
}

/// How far a volume is, in words.
fn progress(ended: &Ended<'_>, volume: &RestoreVolume) -> String {
    let at = match (&ended.job.attach, &volume.device) {
        (Some(to), Some(device)) => format!("{} at {device}", to.instance_id),
        _ => String::new(),
    };
    match volume.progress {
        Progress::Planned if ended.job.dry_run => "would be made".to_owned(),
        Progress::Planned => "was NOT made".to_owned(),
        Progress::Creating => "was not seen available".to_owned(),
        Progress::Available => "is available".to_owned(),
        Progress::Attached => format!("is attached to {at}"),
        Progress::PuttingBack => format!("is NOT attached, and what it replaced is being put back to {at}"),
        Progress::PutBack => format!("is NOT attached: what it was to replace is back at {at}"),
        Progress::Deleted if volume.failure.is_some() => "FAILED, and is deleted again".to_owned(),
        Progress::Deleted => "became available, and is deleted again".to_owned(),
        Progress::Failed => "FAILED".to_owned(),
    }
}

fn one(ended: &Ended<'_>, volume: &RestoreVolume) -> Vec<String> {
    let job = ended.job;
    let name = volume.volume_id.as_ref().map_or_else(|| "A volume".to_owned(), ToString::to_string);
    let mut lines = vec![format!("{name} {}", progress(ended, volume))];
    let mut fact = |what: &str, text: String| lines.push(format!("  {what:<11} {text}"));
    if let Some(failure) = &volume.failure {
        fact("error", format!("{}: {}", failure.error, failure.reason));
        if let Some(advice) = advice::on(&failure.error) {
            fact("what helps", advice.to_owned());
        }
    }
    let run = volume.run_id.as_ref().map_or_else(|| "not made by EBS Backup".to_owned(), |run| format!("run {run}"));
    let source = volume.source.as_ref().map_or_else(|| "an unknown volume".to_owned(), ToString::to_string);
    fact("from", format!("{} of {source}, {run}", volume.snapshot_id));
    fact("data of", format!("{}: {}", moment(volume.taken_at), loss(ended, volume)));
    fact("made as", made_as(volume));
    if let Some(after) = volume.available_after {
        fact("available", format!("after {after} s"));
    }
    if !job.test {
        fact("loading", loading(ended, volume));
    }
    if let Some(replaced) = &volume.replaces {
        let snapshot = volume
            .safety_snapshot_id
            .as_ref()
            .map_or_else(|| "not snapshotted".to_owned(), |id| format!("snapshotted as {id}"));
        let verb = if job.dry_run { "would replace" } else { "replaces" };
        fact(verb, if job.dry_run { replaced.to_string() } else { format!("{replaced}, which is kept, {snapshot}") });
    }
    if let Some(off) = ended.is_off(volume) {
        let (Some(to), Some(device)) = (&job.attach, &volume.device) else { return lines };
        lines.push(format!("  ATTENTION: {off} is not attached to {} now. To put it back:", to.instance_id));
        lines.push(format!("    {}", commands::attach(&job.region, &off, to.instance_id.as_str(), device.as_str())));
    }
    lines.extend(next(ended, volume));
    lines
}

/// How much the data is older than the moment that was asked for: the changes that are lost.
fn loss(ended: &Ended<'_>, volume: &RestoreVolume) -> String {
    let (at, than) = match ended.job.at {
        Some(at) => (at, "the moment asked for"),
        None => (ended.job.started_at, "the start of the restore"),
    };
    let seconds = (at - volume.taken_at).num_seconds();
    if seconds < 0 {
        return format!("later than {than}");
    }
    let minutes = seconds.cast_unsigned().div_ceil(60);
    format!("{} older than {than}, so the changes of this time are not in it", counted(minutes, "minute"))
}

fn made_as(volume: &RestoreVolume) -> String {
    let wanted = &volume.wanted;
    let mut parts = vec![wanted.volume_type.to_string(), format!("{} GiB", wanted.size_gib)];
    parts.extend(wanted.iops.map(|iops| format!("{iops} IOPS")));
    parts.extend(wanted.throughput.map(|throughput| format!("{throughput} MiB/s")));
    parts.push(wanted.zone.to_string());
    parts.push(if wanted.encrypted { "encrypted" } else { "not encrypted" }.to_owned());
    parts.join(", ")
}

/// How long EBS takes to load the data from the snapshot. Until then the first read of a block is slow.
fn loading(ended: &Ended<'_>, volume: &RestoreVolume) -> String {
    let mebibytes = u64::from(volume.wanted.size_gib) * 1024;
    let minutes = |rate: u32| counted(mebibytes.div_ceil(u64::from(rate.max(1)) * 60), "minute");
    match ended.job.initialization_rate_mibps {
        Some(rate) => format!("at most {} at {rate} MiB/s, if all blocks are in use", minutes(rate)),
        None => {
            let rate = volume.wanted.throughput.unwrap_or(volume_type::throughput_mibps(volume.wanted.volume_type));
            format!(
                "reading all of it takes {} at its {rate} MiB/s, and longer while EBS loads the blocks: AWS promises no rate \
                 without initializationRateMiBps",
                minutes(rate)
            )
        }
    }
}

/// What an operator does next with a volume.
fn next(ended: &Ended<'_>, volume: &RestoreVolume) -> Vec<String> {
    let job = ended.job;
    let Some(id) = volume.volume_id.as_ref().filter(|_| volume.progress != Progress::Deleted) else {
        return Vec::new();
    };
    let region = &job.region;
    let mut lines = Vec::new();
    let mut paragraph = |title: &str, commands: Vec<String>| {
        lines.push(format!("  {title}"));
        lines.extend(commands.into_iter().map(|command| format!("    {command}")));
    };
    let device = volume.device.as_ref().map_or("/dev/sdf", |device| device.as_str());
    match volume.progress {
        Progress::Attached => {
            paragraph(
                "To look at the data, on the instance (Linux; XFS beside its original: add ,nouuid to -o ro):",
                commands::mount(id),
            );
            let undo = match (&job.attach, &volume.replaces, &volume.device) {
                (Some(to), Some(old), Some(device)) => commands::put_back(region, id, old, &to.instance_id, device),
                _ => vec![commands::detach(region, id)],
            };
            paragraph("To undo (unmount it first):", undo);
        }
        Progress::Available if volume.failure.is_none() => {
            paragraph("To attach it:", vec![commands::attach(region, id, "INSTANCE_ID", device)]);
            paragraph("Then, to look at the data on the instance (Linux):", commands::mount(id));
        }
        _ => {}
    }
    let well = ended.is_well(volume);
    let mut clean = Vec::new();
    match (&volume.replaces, volume.progress) {
        (Some(old), Progress::Attached) => clean.push(commands::delete_volume(region, old)),
        _ if well => {}
        _ => clean.push(commands::delete_volume(region, id)),
    }
    clean.extend(volume.safety_snapshot_id.as_ref().map(|snapshot| commands::delete_snapshot(region, snapshot)));
    match (clean.is_empty(), well) {
        (true, _) => paragraph(
            "To clean up, when it is not needed any more and detached:",
            vec![commands::delete_volume(region, id)],
        ),
        (false, true) => paragraph("To clean up, when you are sure that the old volume is not needed any more:", clean),
        (false, false) => paragraph("It stays until you delete it:", clean),
    }
    lines
}
