//! The report for people.

use chrono::{DateTime, Utc};
use contract::RestoreJob;
use contract::restore::{Progress, RestoreVolume, Source};
use contract::text::json_len;
use policy::restore::seen::is_root_name;
use policy::volume_type;
use report_topic::words::{counted, message_in, one_line};

use crate::{Ended, Old, advice, commands};

/// What a restore is of, and what matters most, in a few words: the end of the subject.
pub fn what(ended: &Ended<'_>) -> String {
    let of = match &ended.job.source {
        Source::InstanceId(id) => id.to_string(),
        other => of(other),
    };
    match (ended.off().as_slice(), ended.failures()) {
        ([], 0) => of,
        ([], failures) => format!("{of}: {}", counted(failures.into(), "problem")),
        ([old], _) => format!("{old} DETACHED"),
        (several, _) => format!("{} volumes DETACHED", several.len()),
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

/// As many of the lines as fit `bytes` of JSON, and what is left out, said at the end.
pub fn within(mut lines: Vec<String>, bytes: usize, job: &RestoreJob) -> Vec<String> {
    let whole = lines.len();
    let end = |left: usize| {
        vec![
            format!("{} left out: the report is too long. All volumes of this restore:", counted(left as u64, "line")),
            format!("  {}", commands::describe_restore(&job.region, &job.restore_id)),
        ]
    };
    // Two bytes for the line's end, one more for the comma of a list.
    let len = |line: &String| json_len(line) + 3;
    let mut used: usize = lines.iter().map(len).sum();
    if used <= bytes {
        return lines;
    }
    let room = bytes.saturating_sub(end(whole).iter().map(len).sum());
    while used > room {
        let Some(last) = lines.pop() else { break };
        used -= len(&last);
    }
    let left = whole - lines.len();
    lines.extend(end(left));
    lines
}

/// The lines of the report.
pub fn render(ended: &Ended<'_>) -> Vec<String> {
    let mut lines = head(ended);
    if let Some(stopped) = ended.stopped {
        let said = one_line(&message_in(&stopped.cause));
        lines.push(format!("The restore stopped before its end: {}: {said}", stopped.error));
        lines.extend(advice::on(&stopped.error).map(|advice| format!("  what helps: {advice}")));
        lines.push(String::new());
    }
    let in_order = ended.failed_first();
    let (failed, well) = in_order.split_at(ended.failed_volumes());
    for volume in failed {
        lines.extend(one(ended, volume));
        lines.push(String::new());
    }
    lines.extend(strays(ended));
    if let Err(error) = &ended.looked {
        lines.push(format!("EC2 could not be asked which volumes this restore has made: {error}. Ask it later:"));
        lines.push(format!("  {}", commands::describe_restore(&ended.job.region, &ended.job.restore_id)));
        lines.push(String::new());
    }
    for volume in well {
        lines.extend(one(ended, volume));
        lines.push(String::new());
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn strays(ended: &Ended<'_>) -> Vec<String> {
    if ended.strays.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![if ended.job.test {
        "Made by this test, and not deleted. A test deletes what is left, a day later; or do it now:".to_owned()
    } else {
        "Made by this restore, though EC2's answer never came. Nothing uses them; see what is on them before you delete them:"
            .to_owned()
    }];
    for stray in &ended.strays {
        lines.push(format!("  {}", commands::delete_volume(&ended.job.region, stray)));
    }
    lines.push(String::new());
    lines
}

fn head(ended: &Ended<'_>) -> Vec<String> {
    let job = ended.job;
    let at = job.at.map_or_else(|| "the newest restore point".to_owned(), |at| format!("as of {}", moment(at)));
    let asked = match &job.source {
        Source::Sample(_) => format!("a test of {}", counted(ended.volumes.len() as u64, "volume")),
        Source::SnapshotId(id) => format!("a volume of {id}"),
        source => format!("{}, {at}", of(source)),
    };
    let mut lines = vec![format!("EBS Backup {}", ended.title())];
    for old in ended.off() {
        let instance = job.attach.as_ref().map_or("the instance", |to| to.instance_id.as_str());
        lines.push(format!("ATTENTION: {old} is not attached to {instance} any more: see below."));
    }
    lines.extend([
        String::new(),
        format!("Account:    {} ({})", ended.account_name, ended.account_id),
        format!("Region:     {}", job.region),
        format!("Restore:    {}, started {}", job.restore_id, moment(job.started_at)),
        format!("Asked for:  {asked}"),
        format!("Outcome:    {}", outcome(ended)),
        format!("Execution:  {}", ended.link),
        String::new(),
    ]);
    lines
}

/// How many volumes are as they were asked for.
fn outcome(ended: &Ended<'_>) -> String {
    let all = ended.volumes.len();
    let well = all - ended.failed_volumes();
    let job = ended.job;
    let became = match (job.dry_run, job.test, &job.attach) {
        (true, ..) => "planned, and nothing was made".to_owned(),
        (_, true, _) => "became available, and were deleted again".to_owned(),
        (_, _, Some(to)) => format!("attached to {}", to.instance_id),
        (_, _, None) => "available".to_owned(),
    };
    format!("{well} of {} {became}", counted(all as u64, "volume"))
}

/// How far a volume is, in words.
fn progress(ended: &Ended<'_>, volume: &RestoreVolume) -> String {
    let job = ended.job;
    let at = match (&job.attach, &volume.device) {
        (Some(to), Some(device)) => format!("{} at {device}", to.instance_id),
        _ => String::new(),
    };
    match volume.progress {
        Progress::Planned if job.dry_run && job.attach.is_some() => format!("would be made, and attached to {at}"),
        Progress::Planned if job.dry_run => "would be made".to_owned(),
        Progress::Planned => "was NOT made".to_owned(),
        Progress::Creating => "was not seen available".to_owned(),
        Progress::Available if job.test => "is available, and is NOT deleted".to_owned(),
        Progress::Available if elsewhere(ended, volume).is_some() => format!("was NOT seen attached to {at} in time"),
        Progress::Available if job.attach.is_some() => format!("is available, and is NOT attached to {at}"),
        Progress::Available => "is available".to_owned(),
        Progress::Attached => format!("is attached to {at}"),
        Progress::PuttingBack | Progress::PutBack => format!("is NOT attached to {at}"),
        Progress::Deleted if volume.failure.is_some() => "FAILED, and is deleted again".to_owned(),
        Progress::Deleted => "became available, and is deleted again".to_owned(),
        Progress::Failed => "FAILED".to_owned(),
    }
}

fn one(ended: &Ended<'_>, volume: &RestoreVolume) -> Vec<String> {
    let job = ended.job;
    let name = volume
        .volume_id
        .as_ref()
        .map_or_else(|| format!("The volume from {}", volume.snapshot_id), ToString::to_string);
    let mut lines = vec![format!("{name} {}", progress(ended, volume))];
    let mut fact = |what: &str, text: String| lines.push(format!("  {what:<11} {text}"));
    if let Some(failure) = &volume.failure {
        fact("error", format!("{}: {}", failure.error, one_line(&failure.reason)));
        if let Some(advice) = advice::on(&failure.error) {
            fact("what helps", advice.to_owned());
        }
    }
    if let Some(now) = elsewhere(ended, volume) {
        fact("now", now);
    }
    let run = volume.run_id.as_ref().map_or_else(|| "not made by EBS Backup".to_owned(), |run| format!("run {run}"));
    let source = volume.source.as_ref().map_or_else(|| "an unknown volume".to_owned(), ToString::to_string);
    fact("from", format!("{} of {source}, {run}", volume.snapshot_id));
    fact("data of", format!("{}: {}", moment(volume.taken_at), loss(ended, volume)));
    fact("made as", made_as(volume));
    if let Some(after) = volume.available_after {
        fact("available", format!("after {after} s"));
    }
    let is_there = matches!(volume.progress, Progress::Available | Progress::Attached);
    if !job.test && (job.dry_run || is_there) {
        fact("loading", loading(ended, volume));
    }
    if let Some(replaced) = &volume.replaces {
        let snapshot = volume.safety_snapshot_id.as_ref();
        let is_there = ended.old(volume).is_some_and(|(_, old)| old == Old::There);
        let place = if is_there { "attached as before" } else { "kept" };
        let old = match snapshot {
            _ if job.dry_run => format!("{replaced} would be snapshotted, detached and kept"),
            Some(snapshot) => format!("{replaced}, {place}; {snapshot} has what was on it right before"),
            None if is_there => format!("{replaced}, {place}"),
            None => format!("{replaced}, {place}; no snapshot of it was heard of"),
        };
        fact("old volume", old);
    }
    let back = back(ended, volume);
    let all_back = back.is_empty();
    lines.extend(back);
    if all_back {
        lines.extend(next(ended, volume));
    }
    lines
}

/// Where EC2 sees a volume that is not where it was asked for.
fn elsewhere(ended: &Ended<'_>, volume: &RestoreVolume) -> Option<String> {
    let seen = ended.seen(volume).filter(|_| volume.progress != Progress::Attached)?;
    let at = seen.attachments.first()?;
    Some(format!("{} to {} at {}", at.state, at.instance, at.device))
}

/// How to bring back the volume whose place another was to take, where it is not there.
fn back(ended: &Ended<'_>, volume: &RestoreVolume) -> Vec<String> {
    let job = ended.job;
    let (Some((old, whither)), Some(to), Some(device)) = (ended.old(volume), &job.attach, &volume.device) else {
        return Vec::new();
    };
    let (region, instance) = (&job.region, &to.instance_id);
    let attach = || commands::attach(region, old, instance.as_str(), device.as_str());
    let (said, commands) = match (whither, &volume.volume_id) {
        (Old::There, _) => return Vec::new(),
        (Old::Replaced, Some(new)) => (
            format!(
                "{new} has the place of {old}, though the restore did not come to its end. To undo (unmount {new} first):"
            ),
            commands::put_back(region, new, old, instance, device),
        ),
        (Old::Off | Old::Replaced, _) => {
            (format!("{old} is not attached to {instance} any more. To put it back:"), vec![attach()])
        }
        (Old::Leaving(state), _) => (
            format!(
                "{old} is {state}: EC2 detaches it as soon as {instance} lets go of it, even now. To put it back after that:"
            ),
            vec![commands::wait_available(region, old), attach()],
        ),
        (Old::Gone, _) => {
            let copy = volume.safety_snapshot_id.as_ref();
            let copy = copy.map_or_else(String::new, |id| format!(" {id} has what was on it right before."));
            (format!("EC2 does not know {old} any more: somebody deleted it.{copy}"), Vec::new())
        }
        (Old::Unknown, _) => (
            format!(
                "Whether {old} is attached to {instance} could not be asked. See where it is, and if it is off, attach it:"
            ),
            vec![commands::describe(region, &format!("--volume-ids {old}")), attach()],
        ),
    };
    let mut lines = vec![format!("  ATTENTION: {said}")];
    lines.extend(commands.into_iter().map(|command| format!("    {command}")));
    lines.push("  Delete nothing of this restore before that is done.".to_owned());
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
    format!("{} before {than}; what changed in between is not on it", span(minutes))
}

/// So many minutes, as people say it.
fn span(minutes: u64) -> String {
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => counted(rest, "minute"),
        (0, hours) => format!("{hours} h {rest} min"),
        (days, hours) => format!("{} {hours} h", counted(days, "day")),
    }
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
    let minutes = |rate: u32| span(mebibytes.div_ceil(u64::from(rate.max(1)) * 60));
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
    let seen = ended.seen(volume);
    if seen.is_none() && volume.progress == Progress::Failed && ended.looked.is_ok() {
        return vec!["  EC2 does not list it any more: there is nothing to clean up.".to_owned()];
    }
    let region = &job.region;
    let mut lines = Vec::new();
    let mut paragraph = |title: &str, commands: Vec<String>| {
        lines.push(format!("  {title}"));
        lines.extend(commands.into_iter().map(|command| format!("    {command}")));
    };
    let is_free = seen.is_none_or(|seen| seen.state == "available" && seen.attachments.is_empty());
    let fits = volume.device.as_ref().filter(|device| !is_root_name(device));
    let device = fits.map_or("/dev/sdf", |device| device.as_str());
    match (volume.progress, &job.attach) {
        (Progress::Attached, to) => {
            paragraph(LOOK, commands::mount(id));
            let undo = match (to, &volume.replaces, &volume.device) {
                (Some(to), Some(old), Some(device)) => commands::put_back(region, id, old, &to.instance_id, device),
                _ => vec![commands::detach(region, id)],
            };
            paragraph("To undo (unmount it first; a root volume: stop the instance first):", undo);
        }
        (Progress::Available, None) if !job.test && volume.failure.is_none() => {
            let zone = &volume.wanted.zone;
            paragraph(
                &format!("To attach it to an instance in {zone}:"),
                vec![commands::attach(region, id, "INSTANCE_ID", device)],
            );
            paragraph(LOOK, commands::mount(id));
        }
        (_, Some(to)) if is_free && (seen.is_some() || volume.progress == Progress::Available) => {
            paragraph(
                "Its data can be had all the same. To attach it at a device that is free:",
                vec![commands::attach(region, id, to.instance_id.as_str(), "DEVICE")],
            );
        }
        _ => {}
    }
    let well = ended.is_well(volume);
    let mut clean = Vec::new();
    match (&volume.replaces, volume.progress) {
        (Some(old), Progress::Attached) => clean.push(commands::delete_volume(region, old)),
        (None, Progress::Attached) => clean.extend([
            commands::detach(region, id),
            commands::wait_available(region, id),
            commands::delete_volume(region, id),
        ]),
        _ => clean.push(commands::delete_volume(region, id)),
    }
    clean.extend(volume.safety_snapshot_id.as_ref().map(|snapshot| commands::delete_snapshot(region, snapshot)));
    let title = match (well, &volume.replaces) {
        (true, Some(_)) => "To clean up, when you are sure that nobody needs the old volume any more:",
        (true, None) => "To clean up, when nobody needs it any more:",
        (false, _) => "What it made stays, and is charged for, until you delete it:",
    };
    paragraph(title, clean);
    lines
}

/// What stands above the commands that mount a volume.
const LOOK: &str =
    "To look at the data on the instance (Linux, Nitro). XFS: -o ro,nouuid. With partitions: add -part1:";
