//! `find-restore-points`: plans a restore.
//!
//! It checks the input, chooses the snapshots that hold the data of the moment that was asked for, and plans a volume for each:
//! zone, device and all that EBS demands of a type included. What cannot be restored is refused here, before anything is made.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use contract::errors::{INVALID_INPUT, NO_RESTORE_POINT};
use contract::limits::VOLUMES_PER_RESTORE;
use contract::parse::from_value;
use contract::restore::{AttachTo, Source};
use contract::selector::POLICY_TAG;
use contract::steps::find_restore_points::{Request, Response};
use contract::{
    Config, InstanceId, Pace, Region, RestoreId, RestoreInput, RestoreJob, RestoreVolume, SnapshotId, VolumeId, Zone,
};
use ec2::port::{ReadInstances, ReadRestorePoints, Regions, SeeVolumes};
use policy::model::SnapshotState;
use policy::restore::seen::{RestorePoint, SeenInstance, SeenVolume};
use policy::restore::{input, plan, sample};
use policy::restore_point::{self, Candidate, NoRestorePoint};
use step_runtime::StepError;

/// Plans a restore.
///
/// # Errors
/// [`INVALID_INPUT`] with every field that is wrong, its value and what would be right; [`NO_RESTORE_POINT`] with what is
/// nearest; EC2's error when something cannot be read.
pub async fn handle<C>(
    home: &impl Regions,
    in_region: impl Fn(&Region, Pace) -> Arc<C>,
    config: &Config,
    request: Request,
) -> Result<Response, StepError>
where
    C: ReadRestorePoints + ReadInstances + SeeVolumes,
{
    let started_at = request.execution.start_time;
    let input: RestoreInput = from_value(&request.input).map_err(|refusal| refused(&refusal))?;
    let restore_id = RestoreId::new(request.execution.name).map_err(|refusal| refused(&refusal))?;
    let source = input::checked(&input, started_at).map_err(|wrong| refused(&wrong.join("; ")))?;
    named_policy(config, &input)?;
    let enabled = home.enabled_regions().await?;
    if !enabled.contains(&input.region) {
        let known = enabled.iter().map(Region::as_str).collect::<Vec<_>>().join(", ");
        let region = &input.region;
        return Err(refused(&format!(
            "region: \"{region}\" is unknown or not enabled in this account; one of {known}"
        )));
    }
    let ec2 = in_region(&input.region, config.pace);
    let volumes = match &source {
        Source::Sample(asked) => {
            let candidates = ec2.managed_points(|point| of_policy(point, &input)).await?;
            let ids: Vec<SnapshotId> = sample::drawn(&candidates, *asked, &restore_id)
                .into_iter()
                .map(|candidate| candidate.id.clone())
                .collect();
            let (points, zones) = (ec2.points(&ids).await?, ec2.zones().await?);
            if zones.is_empty() {
                let region = &input.region;
                let why = format!("there is no zone in {region} that can be used to test snapshots in");
                return Err(StepError::new(NO_RESTORE_POINT, why));
            }
            points.iter().filter_map(|point| plan::test_volume(point, &zones)).collect()
        }
        asked => {
            let points = points(&*ec2, asked, &input, started_at).await?;
            let place = Scene::of(&*ec2, &input).await?;
            let chosen: Vec<&RestorePoint> = points.iter().collect();
            plan::volumes(&chosen, &input, place.as_place()).map_err(|wrong| refused(&wrong.join("; ")))?
        }
    };
    if volumes.is_empty() {
        return Err(StepError::new(NO_RESTORE_POINT, "no completed snapshot of EBS Backup is there to test"));
    }
    if volumes.len() > VOLUMES_PER_RESTORE {
        let many = volumes.len();
        return Err(refused(&format!(
            "instanceId: it had {many} volumes, and at most {VOLUMES_PER_RESTORE} come back in one restore; restore them one by one"
        )));
    }
    for volume in &volumes {
        tracing::info!(snapshot = %volume.snapshot_id, taken_at = %volume.taken_at, "chosen");
    }
    let left_out = left_out(&*ec2, &source, &volumes).await?;
    let job = RestoreJob {
        region: input.region,
        restore_id,
        started_at,
        dry_run: input.dry_run,
        test: input.test,
        source,
        at: input.at,
        attach: input.attach.map(|attach| AttachTo { instance_id: attach.instance_id }),
        replace: input.replace,
        initialization_rate_mibps: input.initialization_rate_mibps,
        tags: input.tags,
        backup: input.backup,
        left_out,
        pace: config.pace,
    };
    Ok(Response { job, volumes })
}

/// What is attached to the instance now and has no part in its restore: nobody should find out later that it was forgotten. It may
/// be a disk that no policy selects, or one whose snapshots fail.
async fn left_out(
    ec2: &impl SeeVolumes,
    source: &Source,
    volumes: &[RestoreVolume],
) -> Result<Vec<VolumeId>, StepError> {
    let Source::InstanceId(instance) = source else { return Ok(Vec::new()) };
    let has_part = |id: &VolumeId| {
        volumes.iter().any(|volume| [&volume.source, &volume.replaces].into_iter().flatten().any(|other| other == id))
    };
    let attached = ec2.attached_to(instance).await?;
    let left_out = attached.into_iter().map(|volume| volume.id).filter(|id| !has_part(id));
    Ok(left_out.take(VOLUMES_PER_RESTORE).collect())
}

fn refused(reason: &impl ToString) -> StepError {
    StepError::new(INVALID_INPUT, reason.to_string())
}

fn none(reason: &NoRestorePoint) -> StepError {
    StepError::new(NO_RESTORE_POINT, reason.to_string())
}

fn named_policy(config: &Config, input: &RestoreInput) -> Result<(), StepError> {
    match &input.policy {
        Some(name) if !config.policies.iter().any(|policy| policy.name == *name) => {
            let deployed: Vec<&str> = config.policies.iter().map(|policy| policy.name.as_str()).collect();
            Err(refused(&format!("policy: \"{name}\" is not deployed; one of {}", deployed.join(", "))))
        }
        _ => Ok(()),
    }
}

/// What a test draws from: candidates alone, of which there may be a hundred thousand.
fn of_policy(point: RestorePoint, input: &RestoreInput) -> Option<Candidate> {
    let asked = input.policy.as_ref().is_none_or(|policy| point.tags.get(POLICY_TAG) == Some(policy.as_str()));
    asked.then_some(point.candidate)
}

/// The snapshots that hold the data.
async fn points(
    ec2: &impl ReadRestorePoints,
    source: &Source,
    input: &RestoreInput,
    started_at: DateTime<Utc>,
) -> Result<Vec<RestorePoint>, StepError> {
    let at = input.at.unwrap_or(started_at);
    match source {
        Source::VolumeId(volume) => {
            let points = ec2.points_of(volume).await?;
            let candidates: Vec<Candidate> = points.iter().map(|point| point.candidate.clone()).collect();
            let whose = if input.any_source { restore_point::Source::Any } else { restore_point::Source::Ours };
            let chosen = restore_point::of_volume(&candidates, volume, at, whose).map_err(|error| none(&error))?;
            Ok(points.into_iter().filter(|point| *point.id() == chosen.id).collect())
        }
        Source::SnapshotId(snapshot) => {
            let points = ec2.points(std::slice::from_ref(snapshot)).await?;
            match points.first().map(|point| &point.candidate.state) {
                Some(SnapshotState::Completed) => Ok(points),
                Some(state) => Err(StepError::new(
                    NO_RESTORE_POINT,
                    format!("{snapshot} is {}, and only a completed snapshot can be restored", state.name()),
                )),
                None => Err(StepError::new(
                    NO_RESTORE_POINT,
                    format!("{snapshot} is no snapshot that this account owns in {}", input.region),
                )),
            }
        }
        Source::InstanceId(instance) => {
            // Also those of other instances and of none: they tell which volumes were taken off this one.
            let candidates = ec2.managed_points(|point| Some(point.candidate)).await?;
            let chosen = restore_point::of_instance(&candidates, instance.as_str(), at, input.allow_mixed)
                .map_err(|error| none(&error))?;
            let ids: Vec<SnapshotId> = chosen.into_iter().map(|chosen| chosen.id.clone()).collect();
            Ok(ec2.points(&ids).await?)
        }
        Source::Sample(_) => Ok(Vec::new()),
    }
}

/// Zones, and the instance to attach to, as they are now.
struct Scene {
    zones: Vec<Zone>,
    instance: Option<SeenInstance>,
    attached: Vec<SeenVolume>,
}

impl Scene {
    async fn of(ec2: &(impl ReadInstances + SeeVolumes), input: &RestoreInput) -> Result<Self, StepError> {
        let zones = ec2.zones().await?;
        let Some(attach) = &input.attach else { return Ok(Self { zones, instance: None, attached: Vec::new() }) };
        let instance = found(ec2.instance(&attach.instance_id).await?, &attach.instance_id, &input.region)?;
        let attached = ec2.attached_to(&attach.instance_id).await?;
        Ok(Self { zones, instance: Some(instance), attached })
    }

    fn as_place(&self) -> plan::Place<'_> {
        plan::Place { zones: &self.zones, instance: self.instance.as_ref(), attached: &self.attached }
    }
}

fn found(instance: Option<SeenInstance>, id: &InstanceId, region: &Region) -> Result<SeenInstance, StepError> {
    instance.ok_or_else(|| refused(&format!("attach.instanceId: {id}: there is no such instance in {region}")))
}
