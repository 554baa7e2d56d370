//! A region taken away from the functions, and given back.
//!
//! A service control policy does this to a whole account with an explicit deny on `aws:RequestedRegion`. The local AWS
//! has no organization, so the same statement goes into every role that Lambda may assume.

use anyhow::{Context, Result, ensure};
use aws_sdk_iam::Client;
use serde_json::json;

use crate::account::Account;

/// Denies everything in `region` to every function of the account.
///
/// # Errors
/// When IAM refuses it, or there is no function.
pub async fn take_away(account: &Account, region: &str) -> Result<()> {
    let iam = account.iam();
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "RegionTakenAway",
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:RequestedRegion": region } },
        }],
    })
    .to_string();
    for role in function_roles(&iam).await? {
        let put = iam.put_role_policy().role_name(&role).policy_name(name(region)).policy_document(&policy);
        put.send().await.with_context(|| format!("PutRolePolicy on {role}"))?;
    }
    Ok(())
}

/// Takes the denial of [`take_away`] back.
///
/// # Errors
/// When IAM refuses it, or the region was never taken away.
pub async fn give_back(account: &Account, region: &str) -> Result<()> {
    let iam = account.iam();
    for role in function_roles(&iam).await? {
        let delete = iam.delete_role_policy().role_name(&role).policy_name(name(region));
        delete.send().await.with_context(|| format!("DeleteRolePolicy on {role}"))?;
    }
    Ok(())
}

fn name(region: &str) -> String {
    format!("deny-{region}")
}

/// The names of the roles that Lambda may assume.
async fn function_roles(iam: &Client) -> Result<Vec<String>> {
    let roles = iam.list_roles().into_paginator().items().send();
    let roles: Vec<_> = roles.collect::<Result<_, _>>().await.context("ListRoles")?;
    let names: Vec<String> = roles
        .iter()
        .filter(|role| role.assume_role_policy_document().is_some_and(|trust| trust.contains("lambda.amazonaws.com")))
        .map(|role| role.role_name().to_owned())
        .collect();
    ensure!(!names.is_empty(), "the account has no role of a function");
    Ok(names)
}
