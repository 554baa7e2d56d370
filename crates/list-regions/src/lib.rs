//! `list-regions`: plans the run.
//!
//! The execution's input, the deployed configuration and the account's enabled regions make one complete job per region.
//! Everything that can be wrong with an input is refused here, before anything is written (S10).

use contract::errors::{INVALID_CONFIG, INVALID_INPUT};
use contract::limits::REGIONS_PER_RUN;
use contract::parse::from_value;
use contract::steps::list_regions::{Request, Response};
use contract::{Config, ExecutionInput, JobPolicy, Policy, Region, RegionJob, RunId};
use ec2::port::Regions;
use step_runtime::StepError;

/// Plans the run.
///
/// # Errors
/// [`INVALID_INPUT`] with the field, its value and what would be right; [`INVALID_CONFIG`] when the policy leaves no
/// region; EC2's error when the regions cannot be listed.
pub async fn handle(ec2: &impl Regions, config: &Config, request: Request) -> Result<Response, StepError> {
    let input: ExecutionInput =
        from_value(&request.input).map_err(|refusal| StepError::new(INVALID_INPUT, refusal.to_string()))?;
    let policy = named_policy(config, &input)?;
    let run_id = match input.run_id {
        Some(run_id) => run_id,
        None => RunId::new(request.execution.name).map_err(|refusal| refuse("runId", &refusal.to_string()))?,
    };
    let enabled = ec2.enabled_regions().await?;
    let covered = covered_by(policy, &enabled)?;
    let regions = match &input.regions {
        Some(asked) => asked_for(asked, &covered, &enabled, policy)?,
        None => covered,
    };
    if regions.len() > REGIONS_PER_RUN {
        let advice =
            format!("at most {REGIONS_PER_RUN} regions in one run; split them over two policies or two executions");
        return Err(refuse("regions", &format!("{} regions: {advice}", regions.len())));
    }
    if input.adopt && !policy.adopt {
        let advice =
            format!("true, and the policy {} does not allow it; set \"adopt\": true in its configuration", policy.name);
        return Err(refuse("adopt", &advice));
    }
    let jobs = regions.into_iter().map(|region| RegionJob {
        region,
        run_id: run_id.clone(),
        started_at: request.execution.start_time,
        dry_run: input.dry_run,
        replay: 0,
        approve_purge: input.approve_purge.clone(),
        adopt: input.adopt,
        policy: JobPolicy::from(policy),
        pace: config.pace,
    });
    Ok(Response { jobs: jobs.collect() })
}

fn refuse(field: &str, reason: &str) -> StepError {
    StepError::new(INVALID_INPUT, format!("{field}: {reason}"))
}

fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.as_ref().to_owned()).collect::<Vec<_>>().join(", ")
}

fn named_policy<'a>(config: &'a Config, input: &ExecutionInput) -> Result<&'a Policy, StepError> {
    let deployed = || listed(config.policies.iter().map(|policy| &policy.name));
    match (&input.policy, config.policies.as_slice()) {
        (Some(name), policies) => policies
            .iter()
            .find(|policy| policy.name == *name)
            .ok_or_else(|| refuse("policy", &format!("\"{name}\" is not deployed; one of {}", deployed()))),
        (None, [only]) => Ok(only),
        (None, _) => Err(refuse("policy", &format!("missing, and several are deployed; one of {}", deployed()))),
    }
}

/// The regions that a policy covers: its list, or all enabled ones, without the excluded ones.
///
/// A region that the policy lists and the account has not enabled stays in: it fails on its own, and the report says so.
/// To leave it out in silence would be to lose its backups unseen.
fn covered_by(policy: &Policy, enabled: &[Region]) -> Result<Vec<Region>, StepError> {
    let listed = &policy.regions.include;
    let base = if listed.is_empty() { enabled } else { listed };
    let mut covered: Vec<Region> =
        base.iter().filter(|region| !policy.regions.exclude.contains(region)).cloned().collect();
    covered.sort();
    covered.dedup();
    if covered.is_empty() {
        let reason = format!("policies {}: regions: none is left after include and exclude", policy.name);
        return Err(StepError::new(INVALID_CONFIG, reason));
    }
    Ok(covered)
}

/// The regions that the input asks for, every one of which must be covered. A covered one that is not enabled is one that
/// the policy lists: the report of its failure offers it for a replay, together with others.
fn asked_for(
    asked: &[Region],
    covered: &[Region],
    enabled: &[Region],
    policy: &Policy,
) -> Result<Vec<Region>, StepError> {
    if asked.is_empty() {
        return Err(refuse("regions", "[] asks for nothing; leave the field out for all regions of the policy"));
    }
    for (at, region) in asked.iter().enumerate() {
        let field = format!("regions[{at}]");
        if covered.contains(region) {
            continue;
        }
        let wrong = if enabled.contains(region) {
            format!("is not covered by the policy {}", policy.name)
        } else {
            "is unknown or not enabled in this account".to_owned()
        };
        return Err(refuse(&field, &format!("\"{region}\" {wrong}; one of {}", listed(covered))));
    }
    let mut asked = asked.to_vec();
    asked.sort();
    asked.dedup();
    Ok(asked)
}
