//! Every region there is, in one run.

use anyhow::Result;
use local_aws::fleet::{self, VolumeSpec};

use crate::place::total;
use crate::world::calm;

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s7_all_regions_in_one_run() -> Result<()> {
    let place = calm().await?;
    let all = place.stack.account.regions().await?;
    assert!(all.len() >= 31, "{} regions", all.len());
    for region in &all {
        fleet::make(&place.ec2(region), region, &[VolumeSpec::new().tag("World", region)]).await?;
    }
    let count = u64::try_from(all.len())?;

    for (run_id, deleted) in [("world 1", 0), ("world 2", count)] {
        let night = place.night_of("world", run_id).await?;
        assert!(night.outcome.succeeded(), "{}", night.says());
        let regions = night.regions().await?;
        assert_eq!(regions.iter().map(|region| region.region.clone()).collect::<Vec<_>>(), all);
        assert_eq!(total(&regions, |region| region.tally.volumes.created), count);
        assert_eq!(total(&regions, |region| region.tally.snapshots.deleted), deleted);
        let report = place.report(&night).await?;
        assert_eq!(report.document["totals"]["regions"], count);
        for region in &all {
            assert_eq!(report.region(region)?["volumes"]["created"], 1, "{region}");
            assert!(report.mail.text.lines().any(|line| line.starts_with(region)), "{}", report.mail.text);
        }
    }
    Ok(())
}
