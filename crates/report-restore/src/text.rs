//! The report for people.

use chrono::{DateTime, Utc};
use contract::errors::{NOT_ATTACHED, NOT_OURS};
use contract::restore::{Progress, RestoreVolume, Source};
use contract::selector::{EXCLUDE_TAG, KEEP_TAG, RESTORED_FROM_TAG};
use contract::text::json_len;
use contract::{RestoreJob, VolumeId};
use policy::restore::seen::{SeenVolume, is_root_name};
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
        let said = if said.is_empty() { said } else { format!(": {said}") };
        lines.push(format!("The restore stopped before its end: {}{said}", stopped.error));
        if ended.is_all_there() {
            lines.push(
                "  Every volume is where it was asked for all the same: there is no need to restore again.".to_owned(),
            );
        } else {
            lines.extend(advice::on(&stopped.error).map(|advice| format!("  what helps: {advice}")));
        }
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

/// A title with the commands that it is about.
fn paragraph(lines: &mut Vec<String>, title: &str, commands: Vec<String>) {
    lines.push(format!("  {title}"));
    lines.extend(commands.into_iter().map(|command| format!("    {command}")));
}

/// What is said of commands that delete: somebody pastes the whole block.
const ON_PURPOSE: &str = "(commented out on purpose):";
/// What becomes of volumes that a test leaves.
const LEFT_BY_TEST: &str = "The next test in this region that starts a day or more later deletes it, once nothing uses it; or you do, by hand, now";

fn strays(ended: &Ended<'_>) -> Vec<String> {
    if ended.strays.is_empty() {
        return Vec::new();
    }
    let said = if ended.job.test {
        format!("Made by this test, and not deleted. {LEFT_BY_TEST} {ON_PURPOSE}")
    } else {
        format!(
            "Made by this restore, which did not hear of it, and did nothing else with it. See what is on it before you delete it \
             {ON_PURPOSE}"
        )
    };
    let mut lines = vec![said];
    for id in &ended.strays {
        let seen = ended.made.iter().find(|seen| seen.id == *id);
        let from = seen.and_then(|seen| seen.tags.get(RESTORED_FROM_TAG));
        let from = from.map_or_else(String::new, |from| format!(", from {}", one_line(from)));
        let state = seen.map_or("unknown", |seen| seen.state.as_str());
        let delete = commands::commented(vec![commands::delete_volume(&ended.job.region, id)]);
        paragraph(&mut lines, &format!("{id}: {state}{from}"), delete);
    }
    lines.push(String::new());
    lines
}

/// What is wrong, and how urgent it is: all that is read at night before somebody does something.
fn urgent(ended: &Ended<'_>) -> Vec<String> {
    let job = ended.job;
    if job.dry_run || ended.failures() == 0 && !ended.is_mixed() {
        return Vec::new();
    }
    let instance = job.attach.as_ref().map_or("the instance", |to| to.instance_id.as_str());
    let mut lines = Vec::new();
    let old: Vec<(&VolumeId, Old)> = ended.volumes.iter().filter_map(|volume| ended.old(volume)).collect();
    for (id, old) in &old {
        lines.extend(match old {
            Old::There | Old::Untouched => None,
            Old::Replaced(new) => Some(format!("{new} is in the place of {id}: the data is back.")),
            Old::Blocked(new, state) => Some(format!("ATTENTION: {new} is {state} in the place of {id}: see below.")),
            Old::Off | Old::Gone => Some(format!("ATTENTION: {id} is not attached to {instance} any more: see below.")),
            Old::Leaving(state) => Some(format!("ATTENTION: {id} is {state}, and leaves {instance}: see below.")),
            Old::Unknown => Some(format!("ATTENTION: whether {id} is attached to {instance} is unknown: see below.")),
        });
    }
    if ended.is_mixed() {
        lines.push(format!(
            "ATTENTION: {instance} has volumes of two moments, some restored and some not. Do not use it before all are put back \
             (see \"To undo\"), or restored."
        ));
    }
    let mut names: Vec<&str> = ended.stopped.iter().map(|stopped| stopped.error.as_str()).collect();
    let failures = ended.volumes.iter().filter_map(|volume| volume.failure.as_ref());
    for failure in failures.filter(|failure| failure.error != NOT_ATTACHED) {
        if !names.contains(&failure.error.as_str()) {
            names.push(&failure.error);
        }
    }
    if !names.is_empty() {
        names.truncate(4);
        let helps = names.iter().any(|name| advice::on(name).is_some()) && !ended.is_all_there();
        let where_to = if helps { " What helps is said below." } else { "" };
        lines.push(format!("Why: {}.{where_to}", one_line(&names.join(", "))));
    }
    if lines.iter().all(|line| line.starts_with("Why: ")) && ended.looked.is_ok() && !job.test {
        lines.push(if old.is_empty() {
            "Nothing that was there before was touched.".to_owned()
        } else {
            format!("What {instance} had is attached as before.")
        });
    }
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
    lines.extend(urgent(ended));
    lines.extend([
        String::new(),
        format!("Account:    {} ({})", ended.account_name, ended.account_id),
        format!("Region:     {}", job.region),
        format!("Restore:    {}, started {}", job.restore_id, moment(job.started_at)),
        format!("Asked for:  {asked}"),
        format!("Outcome:    {}", outcome(ended)),
    ]);
    if !job.left_out.is_empty() {
        let ids = job.left_out.iter().map(VolumeId::as_str).collect::<Vec<_>>().join(", ");
        lines.push(format!(
            "Left out:   {ids}: attached now, and not in this restore: no policy selects it, or its snapshots fail"
        ));
    }
    lines.extend([format!("Execution:  {}", ended.link), String::new()]);
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
        Progress::Available if elsewhere(ended, volume).is_some() => {
            format!("was NOT seen attached to {at} before the end")
        }
        Progress::Available if job.attach.is_some() => format!("is available, and is NOT attached to {at}"),
        Progress::Available => "is available".to_owned(),
        Progress::Attached => format!("is attached to {at}"),
        Progress::PuttingBack | Progress::PutBack => format!("is NOT attached to {at}"),
        Progress::Deleted if volume.failure.is_some() => "FAILED, and is deleted again".to_owned(),
        Progress::Deleted if ended.stopped.is_some() && volume.available_after.is_none() => {
            "was NOT seen available, and is deleted again".to_owned()
        }
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
        for command in advice::commands(&failure.error, &job.region, volume) {
            fact("", command);
        }
    }
    if let Some(now) = now(ended, volume) {
        fact("now", now);
    }
    // Before anything that only explains.
    let back = back(ended, volume);
    let all_back = back.is_empty();
    lines.extend(back);
    let mut fact = |what: &str, text: String| lines.push(format!("  {what:<11} {text}"));
    let run = volume.run_id.as_ref().map_or_else(|| "not made by EBS Backup".to_owned(), |run| format!("run {run}"));
    let source = volume.source.as_ref().map_or_else(|| "an unknown volume".to_owned(), ToString::to_string);
    fact("from", format!("{} of {source}, {run}", volume.snapshot_id));
    fact("data of", format!("{}: {}", moment(volume.taken_at), loss(ended, volume)));
    fact(if volume.volume_id.is_some() { "made as" } else { "planned as" }, made_as(volume));
    if let Some(after) = volume.available_after {
        fact("available", format!("after {after} s"));
    }
    let is_there = matches!(volume.progress, Progress::Available | Progress::Attached);
    if !job.test && (job.dry_run || is_there) {
        fact("loading", loading(ended, volume));
    }
    if let Some(old) = old_volume(ended, volume) {
        fact("old volume", old);
    }
    if all_back {
        lines.extend(next(ended, volume));
    }
    lines
}

/// What became of the volume whose place another takes.
fn old_volume(ended: &Ended<'_>, volume: &RestoreVolume) -> Option<String> {
    let replaced = volume.replaces.as_ref()?;
    if ended.job.dry_run {
        return Some(format!(
            "{replaced} would be snapshotted, detached and kept: unmount it before, or stop the instance"
        ));
    }
    let old = ended.old(volume).map(|(_, old)| old);
    let (place, moment) = match &old {
        Some(Old::There) => ("attached as before", "was to be detached"),
        Some(Old::Untouched) => ("not touched by this restore", "was to be detached"),
        Some(Old::Leaving(state)) => (state.as_str(), "was to be detached"),
        Some(Old::Gone) => ("deleted by somebody", "was detached"),
        Some(Old::Unknown) => ("EC2 could not be asked where it is", "was to be detached"),
        Some(Old::Replaced(_) | Old::Blocked(..) | Old::Off) | None => ("detached, and kept", "was detached"),
    };
    let copy = match (&volume.safety_snapshot_id, &old) {
        (Some(snapshot), _) => format!("; {snapshot} was started right before it {moment}"),
        (None, Some(Old::There | Old::Untouched)) => String::new(),
        (None, _) => "; no snapshot of it was heard of".to_owned(),
    };
    Some(format!("{replaced}, {place}{copy}"))
}

/// Where EC2 sees a volume that is not where it was asked for.
fn elsewhere(ended: &Ended<'_>, volume: &RestoreVolume) -> Option<String> {
    let seen = ended.seen(volume).filter(|_| volume.progress != Progress::Attached)?;
    let at = seen.attachments.first()?;
    Some(format!("{} to {} at {}", at.state, at.instance, at.device))
}

/// What EC2 says of a volume that is not as the restore knows it.
fn now(ended: &Ended<'_>, volume: &RestoreVolume) -> Option<String> {
    let unsure = matches!(volume.progress, Progress::Creating | Progress::Failed);
    let state = || ended.seen(volume).filter(|_| unsure).map(|seen| seen.state.clone());
    elsewhere(ended, volume).or_else(state)
}

/// Whether a volume can be attached now.
fn is_free(seen: &SeenVolume) -> bool {
    seen.state == "available" && seen.attachments.is_empty()
}

/// How to bring back the volume whose place another was to take, where it is not there; and how to go on without it.
fn back(ended: &Ended<'_>, volume: &RestoreVolume) -> Vec<String> {
    let job = ended.job;
    let (Some((old, whither)), Some(to), Some(device)) = (ended.old(volume), &job.attach, &volume.device) else {
        return Vec::new();
    };
    let (region, instance) = (&job.region, &to.instance_id);
    let attach = |id: &VolumeId| commands::attach(region, id, instance.as_str(), device.as_str());
    let wait = |id: &VolumeId| commands::wait_available(region, id);
    let put_back = |new: &VolumeId| commands::put_back(region, new, old, instance, device);
    let free = ended.seen(volume).filter(|seen| is_free(seen)).map(|seen| &seen.id);
    let mut lines = Vec::new();
    match &whither {
        Old::There | Old::Untouched => return Vec::new(),
        Old::Replaced(new) => {
            let enough = if ended.is_mixed() { "" } else { " Nothing has to be done." };
            let said = format!(
                "{new} is in the place of {old}: the data is back, though the restore stopped before it saw that.{enough} To undo \
                 all the same (unmount {new} first):"
            );
            paragraph(&mut lines, &said, put_back(new));
            if !ended.is_mixed() {
                paragraph(&mut lines, AS_BEFORE, vec![commands::start(region, instance)]);
            }
            lines.extend(still_backed_up(ended, volume, old));
            return lines;
        }
        Old::Blocked(new, state) if state == "attached" => {
            let said = format!(
                "ATTENTION: {new} is still in the place of {old}, though it was to come off again. To go on with it, do nothing. To \
                 put {old} back (unmount {new} first):"
            );
            paragraph(&mut lines, &said, put_back(new));
        }
        Old::Blocked(new, state) if state == "attaching" => {
            let said = format!(
                "ATTENTION: {new} is attaching in the place of {old}. See whether it is attached by now: then the data is back:"
            );
            paragraph(&mut lines, &said, vec![commands::describe(region, &format!("--volume-ids {new}"))]);
            paragraph(&mut lines, &format!("Or put {old} back (unmount {new} first):"), put_back(new));
        }
        Old::Blocked(new, state) => {
            let said =
                format!("ATTENTION: {old} is off, and {new} is {state} in its place. To put {old} back after that:");
            paragraph(&mut lines, &said, vec![wait(new), attach(old)]);
            paragraph(&mut lines, GO_ON, vec![wait(new), attach(new)]);
        }
        Old::Off => {
            let said = format!("ATTENTION: {old} is not attached to {instance} any more. To put it back:");
            paragraph(&mut lines, &said, vec![attach(old)]);
            if let Some(new) = free {
                paragraph(&mut lines, GO_ON, vec![attach(new)]);
            }
        }
        Old::Leaving(state) => {
            let said = format!(
                "ATTENTION: {old} is {state}: EC2 detaches it as soon as {instance} lets go of it, even now. Unmount it there, or stop \
                 {instance}; to put it back after that:"
            );
            paragraph(&mut lines, &said, vec![wait(old), attach(old)]);
            if let Some(new) = free {
                paragraph(&mut lines, GO_ON, vec![wait(old), attach(new)]);
            }
        }
        Old::Gone => {
            let copy = volume.safety_snapshot_id.as_ref();
            let copy = copy.map_or_else(String::new, |id| format!(" {id} was started right before it was detached."));
            lines.push(format!("  ATTENTION: EC2 does not know {old} any more: somebody deleted it.{copy}"));
            if let Some(new) = free {
                paragraph(&mut lines, GO_ON, vec![attach(new)]);
            }
        }
        Old::Unknown => {
            let (both, also) = match &volume.volume_id {
                Some(new) => {
                    (format!("--volume-ids {old} {new}"), format!("it and {new} are, and if neither is there"))
                }
                None => (format!("--volume-ids {old}"), "it is, and if it is off".to_owned()),
            };
            let said = format!(
                "ATTENTION: Whether {old} is attached to {instance} could not be asked. See where {also}, attach {old}:"
            );
            paragraph(&mut lines, &said, vec![commands::describe(region, &both), attach(old)]);
        }
    }
    lines.push(match whither {
        Old::Gone => "  Delete nothing of this restore before the instance has its data.".to_owned(),
        _ => "  Delete nothing of this restore before that is done.".to_owned(),
    });
    lines
}

/// What stands above the commands that give the instance the restored volume.
const GO_ON: &str = "Or go on with the restored one, in its place:";

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
    // Where nobody asked for it, the account may still encrypt what it makes.
    parts.push(if wanted.encrypted { "encrypted" } else { "encrypted if that is the account's default" }.to_owned());
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
    let Some(id) = volume.volume_id.as_ref().filter(|_| volume.progress != Progress::Deleted) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if ended.seen(volume).is_none() && volume.progress == Progress::Failed && ended.looked.is_ok() {
        let region = &ended.job.region;
        let gone = "EC2 does not list it any more:";
        match &volume.safety_snapshot_id {
            None => lines.push(format!("  {gone} there is nothing to clean up.")),
            Some(copy) => {
                let title = format!("{gone} only {copy} stays, and is charged for, until you delete it {ON_PURPOSE}");
                paragraph(&mut lines, &title, commands::commented(vec![commands::delete_snapshot(region, copy)]));
            }
        }
        return lines;
    }
    go_on(ended, volume, id, &mut lines);
    if ended.is_mixed() {
        lines.push("  Delete nothing of this restore before the volumes are of one moment again.".to_owned());
    } else {
        clean_up(ended, volume, id, &mut lines);
    }
    lines
}

/// How a volume is used, and how that is undone.
fn go_on(ended: &Ended<'_>, volume: &RestoreVolume, id: &VolumeId, lines: &mut Vec<String>) {
    let (job, region, seen) = (ended.job, &ended.job.region, ended.seen(volume));
    if job.test {
        return;
    }
    let fits = volume.device.as_ref().filter(|device| !is_root_name(device));
    let device = fits.map_or("/dev/sdf", |device| device.as_str());
    let can_be_had = match volume.progress {
        Progress::Available => seen.is_none_or(is_free),
        _ => seen.is_some_and(is_free),
    };
    let attach_by_hand = |lines: &mut Vec<String>, title: &str, instance: &str, device: &str| {
        let attach = commands::attach(region, id, instance, device);
        paragraph(lines, title, vec![attach]);
        let mut look = vec![commands::wait_in_use(region, id)];
        look.extend(commands::mount(id));
        paragraph(lines, LOOK, look);
    };
    match (&job.attach, &volume.replaces, &volume.device) {
        (Some(to), Some(old), Some(device)) if ended.is_in_place(volume) => {
            if !ended.is_mixed() {
                paragraph(lines, AS_BEFORE, vec![commands::start(region, &to.instance_id)]);
            }
            let title = format!(
                "To undo, so that {old} is there again (unmount {id} first; a root volume: stop the instance first):"
            );
            paragraph(lines, &title, commands::put_back(region, id, old, &to.instance_id, device));
        }
        _ if ended.is_in_place(volume) => {
            paragraph(lines, LOOK, commands::mount(id));
            let title = "To undo (unmount it first; a root volume: stop the instance first):";
            paragraph(lines, title, vec![commands::detach(region, id)]);
        }
        (None, ..) if can_be_had && volume.failure.is_none() => {
            let title = format!("To attach it to an instance in {}:", volume.wanted.zone);
            attach_by_hand(lines, &title, "INSTANCE_ID", device);
        }
        (Some(to), ..) if can_be_had => {
            let title = "Its data can be had all the same. To attach it at a device that is free:";
            attach_by_hand(lines, title, to.instance_id.as_str(), "DEVICE");
        }
        _ => {}
    }
}

/// What is deleted when nobody needs it any more.
fn clean_up(ended: &Ended<'_>, volume: &RestoreVolume, id: &VolumeId, lines: &mut Vec<String>) {
    let (job, region) = (ended.job, &ended.job.region);
    let copy = volume.safety_snapshot_id.as_ref();
    let delete_copy = copy.map(|copy| commands::delete_snapshot(region, copy));
    let mut all = Vec::new();
    let title = match &volume.replaces {
        Some(old) if volume.progress == Progress::Attached => {
            lines.extend(still_backed_up(ended, volume, old));
            all.extend(copy.map(|copy| commands::wait_completed(region, copy)));
            all.push(commands::delete_volume(region, old));
            format!("To clean up, when nobody needs {old} and what was on it any more")
        }
        _ if ended.is_in_place(volume) => {
            let wait = commands::wait_available(region, id);
            all.extend([commands::detach(region, id), wait, commands::delete_volume(region, id)]);
            "This is the restored data. To detach and delete it, when nobody needs it any more".to_owned()
        }
        _ => {
            all.push(commands::delete_volume(region, id));
            match &volume.failure {
                Some(failure) if failure.error == NOT_OURS => {
                    "No test deletes it any more. To do so by hand, when nothing uses it".to_owned()
                }
                _ if job.test => LEFT_BY_TEST.to_owned(),
                _ if ended.is_well(volume) => {
                    "This is the restored data. To delete it, when nobody needs it any more".to_owned()
                }
                _ => "What it made stays, and is charged for, until you delete it".to_owned(),
            }
        }
    };
    all.extend(delete_copy);
    paragraph(lines, &format!("{title} {ON_PURPOSE}"), commands::commented(all));
}

/// What goes on with the volume that was replaced, and with its snapshots.
fn still_backed_up(ended: &Ended<'_>, volume: &RestoreVolume, old: &VolumeId) -> Option<String> {
    let seen = ended.replaced.iter().find(|seen| seen.id == *old);
    let excluded = seen.is_some_and(|seen| seen.tags.get(EXCLUDE_TAG).is_some());
    let again = format!(
        "{old} still bears the backup tag, if it did before: it is backed up every night until it is deleted or tagged {EXCLUDE_TAG}."
    );
    let from = &volume.snapshot_id;
    let keep = format!(
        "Before you delete {old}, tag {from} {KEEP_TAG} if it has to stay: it is then one of a volume that is gone, and may be purged."
    );
    let ours = volume.run_id.is_some() && volume.source.as_ref() == Some(old);
    let said: Vec<String> = [(!excluded).then_some(again), ours.then_some(keep)].into_iter().flatten().collect();
    (!said.is_empty()).then(|| format!("  {}", said.join(" ")))
}

/// What stands above the commands that mount a volume.
const LOOK: &str = "To look at the data on the instance (Linux, Nitro; on Xen it is the device's own name). lsblk shows the partitions: mount \
     …-partN of the one with your file system. XFS: -o ro,nouuid. LVM: not while the old one is attached, without vgimportclone.";

/// What is done with a volume that took the place of another.
const AS_BEFORE: &str =
    "Mount it as the old one was (by UUID or LABEL; its /dev/nvme name may be another one), or start the instance:";
