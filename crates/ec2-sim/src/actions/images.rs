//! Images, as far as they keep snapshots from being deleted.

use crate::journal::Effect;
use crate::model::Image;
use crate::query::Query;
use crate::refusal::Refusal;
use crate::xml::{Done, ImageItem, Images, NewImage};

use super::{Context, IMAGE, Outcome, checked_id, snapshots};

pub fn register(context: &mut Context<'_>, query: &Query) -> Outcome {
    let name = query.required("Name")?.to_owned();
    let snapshot_ids: Vec<String> = (1..)
        .map_while(|n| query.get(&format!("BlockDeviceMapping.{n}.Ebs.SnapshotId")).map(ToOwned::to_owned))
        .collect();
    for id in &snapshot_ids {
        snapshots::owned(context, id)?;
    }
    let id = context.new_id("ami");
    let answer = context.answer(query, &NewImage { image_id: id.clone() });
    context.region.images.insert(id.clone(), Image { id: id.clone(), name, snapshot_ids });
    Ok((answer, Some(Effect::Changed(id))))
}

pub fn deregister(context: &mut Context<'_>, query: &Query) -> Outcome {
    let id = checked_id(query.required("ImageId")?, IMAGE)?.to_owned();
    if context.region.images.remove(&id).is_none() {
        return Err(Refusal::new("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist")));
    }
    Ok((context.answer(query, &Done::YES), Some(Effect::Changed(id))))
}

pub fn describe(context: &Context<'_>, query: &Query) -> Outcome {
    let images = context.region.images.values().map(|image| ImageItem::new(image, context.account));
    Ok((context.answer(query, &Images { images_set: images.collect() }), None))
}
