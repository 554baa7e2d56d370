//! Tags on what is there.

use crate::journal::Effect;
use crate::query::{Query, Tag};
use crate::refusal::Refusal;
use crate::xml::Done;

use super::{Context, Outcome, instances, snapshots, volumes};

pub fn create(context: &mut Context<'_>, query: &Query) -> Outcome {
    let given = query.tags("")?;
    context.checked_tags(&given)?;
    change(context, query, |tags| {
        for (key, value) in &given {
            match tags.iter_mut().find(|(k, _)| k == key) {
                Some(tag) => tag.1.clone_from(value),
                None => tags.push((key.clone(), value.clone())),
            }
        }
    })
}

pub fn delete(context: &mut Context<'_>, query: &Query) -> Outcome {
    let given = query.tag_patterns("")?;
    change(context, query, |tags| {
        tags.retain(|(key, value)| {
            let named = given.iter().any(|(k, v)| k == key && v.as_ref().is_none_or(|v| v == value));
            // Without tags the call means all of them; those of AWS stay in any case.
            key.starts_with("aws:") || !(named || given.is_empty())
        });
    })
}

/// Changes the tags of all named resources, or of none.
fn change(context: &mut Context<'_>, query: &Query, change: impl Fn(&mut Vec<Tag>)) -> Outcome {
    let ids = query.list("ResourceId");
    if ids.is_empty() {
        return Err(Refusal::missing("resourceIdSet"));
    }
    let mut changed = Vec::with_capacity(ids.len());
    for id in &ids {
        let mut tags = tags_of(context, id)?.clone();
        change(&mut tags);
        context.within_tag_limit(&tags)?;
        changed.push(tags);
    }
    for (id, tags) in ids.iter().zip(changed) {
        if let Some(volume) = context.region.volumes.get_mut(id) {
            volume.tags = tags;
        } else if let Some(snapshot) = context.region.snapshots.get_mut(id) {
            snapshot.tags = tags;
        } else if let Some(instance) = context.region.instances.get_mut(id) {
            instance.tags = tags;
        }
    }
    Ok((context.answer(query, &Done::YES), Some(Effect::Changed(ids.join(" ")))))
}

fn tags_of<'a>(context: &'a Context<'_>, id: &str) -> Result<&'a Vec<Tag>, Refusal> {
    if id.starts_with("snap-") {
        return Ok(&snapshots::owned(context, id)?.tags);
    }
    if id.starts_with("i-") {
        return Ok(&instances::existing(context, id)?.tags);
    }
    if !id.starts_with("vol-") {
        return Err(Refusal::new("InvalidID", format!("The ID '{id}' is not valid")));
    }
    let there = |volume: &&crate::model::Volume| volume.deleted_at.is_none();
    let volume = context.region.volumes.get(id).filter(there);
    volume.map(|volume| &volume.tags).ok_or_else(|| volumes::not_found(id))
}

#[cfg(test)]
mod tests {
    use crate::actions::test::{Ec2, INSTANCE, one};
    use crate::model::{Instance, Seed};

    #[test]
    fn an_instance_is_tagged_if_it_is_there() {
        let ec2 = Ec2::new();
        let tag = |id| ec2.call("CreateTags", &[("ResourceId.1", id), ("Tag.1.Key", "Team"), ("Tag.1.Value", "x")]);
        assert_eq!(tag(INSTANCE).unwrap_err(), "InvalidInstanceID.NotFound");
        ec2.seed(Seed { instances: vec![Instance::new(INSTANCE)], ..Seed::default() });
        tag(INSTANCE).unwrap();
        let answer = ec2.call("DescribeInstances", &[]).unwrap();
        assert_eq!((one(&answer, "key"), one(&answer, "value")), ("Team".to_owned(), "x".to_owned()));
    }
}
