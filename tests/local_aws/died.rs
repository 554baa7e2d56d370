//! A function that dies.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context, Result};
use local_aws::account::Account;
use local_aws::artefacts::STEMS;
use local_aws::fleet::{self, VolumeSpec};
use local_aws::setup::Setup;
use local_aws::stack::AccountConfig;
use serde_json::json;

use crate::place::{Place, failed, total};
use crate::world::world;

const REGIONS: [&str; 2] = ["eu-central-1", "us-east-1"];

#[tokio::test]
#[ignore = "needs the local AWS: cargo xtask test"]
async fn s7_a_run_whose_function_dies_ends_with_a_report() -> Result<()> {
    let setup = Setup::from_environment()?;
    let account = Account::new(&world().await?.server, "777788889999")?;
    let mut config = AccountConfig::new("frail", REGIONS[0]);
    config.policies[0]["regions"] = json!({ "include": REGIONS });

    // A deployment gone wrong: one of the functions is not what it should be.
    let broken = tempfile::tempdir()?;
    with_a_mortal_function(setup.lambdas(), broken.path(), "create-snapshots")?;
    let stack = setup.app_with(broken.path())?.deploy(&account, &config).await?;
    let place = Place::new(&world().await?.server, stack).await?;
    for region in REGIONS {
        fleet::make(&place.ec2(region), region, &[VolumeSpec::new().tag("Backup", "a")]).await?;
    }
    let night = place.night(&json!({ "runId": "died" })).await?;
    assert!(night.is_red(), "{}", night.says());
    let regions = night.regions().await?;
    assert_eq!(failed(&regions), REGIONS);
    let report = place.report(&night).await?;
    assert!(report.mail.subject.contains("2 of 2 regions failed"), "{}", report.mail.subject);
    for region in REGIONS {
        let entry = report.region(region)?;
        let error = entry["error"].as_str().unwrap_or_default();
        assert!(error.starts_with("Runtime.") || error.starts_with("Lambda."), "{entry}");
        assert_eq!((&entry["status"], &entry["volumes"]["discovered"]), (&"FAILED".into(), &1.into()), "{entry}");
        assert!(report.mail.text.contains(region) && report.mail.text.contains(error), "{}", report.mail.text);
    }

    // Mended, and redriven: the run goes on where it was.
    setup.app()?.deploy(&account, &config).await?;
    let night = night.redriven(&place).await?;
    assert!(night.outcome.succeeded(), "{}", night.says());
    assert_eq!(total(&night.regions().await?, |region| region.tally.volumes.created), 2);
    assert_eq!(place.reports(&night, 2).await?[1].document["status"], "OK");
    Ok(())
}

/// The functions of `good`, of which one ends as soon as it is called.
fn with_a_mortal_function(good: &Path, into: &Path, mortal: &str) -> Result<()> {
    for stem in STEMS {
        fs::create_dir(into.join(stem))?;
        let bootstrap = into.join(stem).join("bootstrap");
        if stem == mortal {
            fs::write(&bootstrap, "#!/bin/sh\necho 'out of memory' >&2\nexit 137\n")?;
            fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755))?;
        } else {
            fs::copy(good.join(stem).join("bootstrap"), &bootstrap).context("cannot copy a function")?;
        }
    }
    Ok(())
}
