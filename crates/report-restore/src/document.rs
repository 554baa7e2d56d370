//! The report for machines: one JSON document.

use contract::restore::RestoreVolume;
use contract::steps::report_restore::Stopped;
use contract::text::json_len;
use contract::{RestoreJob, VolumeId};
use report_topic::words::json;
use serde::Serialize;

/// The document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    pub kind: &'static str,
    pub status: &'static str,
    pub account_id: &'a str,
    pub account_name: &'a str,
    pub execution_arn: &'a str,
    pub job: &'a RestoreJob,
    /// Those that failed first.
    pub volumes: Vec<&'a RestoreVolume>,
    /// Volumes that did not fit.
    pub volumes_left_out: usize,
    pub stopped: Option<&'a Stopped>,
    pub strays: &'a [VolumeId],
}

impl Document<'_> {
    /// The JSON text, in at most `room` bytes when it is put into JSON once more: as many volumes as fit.
    pub fn render(mut self, room: usize) -> String {
        let volumes = std::mem::take(&mut self.volumes);
        // As wide as the number can become.
        self.volumes_left_out = volumes.len();
        let mut used = json_len(&json(&self));
        let fits = volumes.iter().take_while(|volume| {
            used += json_len(&json(volume)) + 1;
            used <= room
        });
        let fits = fits.count();
        self.volumes_left_out = volumes.len() - fits;
        self.volumes = volumes.into_iter().take(fits).collect();
        json(&self)
    }
}
