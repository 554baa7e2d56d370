//! `discover-volumes`: the ids of the volumes that a policy selects, one page at a time.

use contract::steps::discover_volumes::{Request, Response};
use ec2::Ec2Error;
use ec2::port::{ReadVolumes, VolumeStates};
use policy::selection::selects;

/// Gives the next page. A page may be empty and not the last, where all of its volumes are excluded.
///
/// # Errors
/// EC2's error when the page cannot be read: the region then fails with its name.
pub async fn handle(ec2: &impl ReadVolumes, request: Request) -> Result<Response, Ec2Error> {
    let Request { job, cursor, mut tally } = request;
    let selector = &job.policy.tag;
    let page = ec2.tagged_page(selector, VolumeStates::Snapshottable, cursor).await?;
    let volume_ids: Vec<_> =
        page.volumes.into_iter().filter(|(_, tags)| selects(selector, tags)).map(|(id, _)| id).collect();
    tally.volumes.discovered += volume_ids.len() as u64;
    tally.discovered.extend(volume_ids.iter().cloned());
    Ok(Response { volume_ids, cursor: page.cursor, tally })
}
