//! A region taken away from the functions, or single actions from one of them, and given back.
//!
//! A service control policy takes a region from a whole account with an explicit deny on `aws:RequestedRegion`. The local
//! AWS has no organization, so the same statement goes into every role that Lambda may assume.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_iam::Client;
use serde_json::{Value, json};

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

/// Actions denied to the role of one function.
#[derive(Debug)]
#[must_use = "it stays until it is lifted"]
pub struct Denial {
    account: Account,
    role: String,
    name: String,
}

/// Denies `actions` to the function with this stem, in `regions`, or everywhere where none is named.
///
/// # Errors
/// When IAM refuses it, or there is no such function.
pub async fn actions(account: &Account, stem: &str, actions: &[&str], regions: &[&str]) -> Result<Denial> {
    let iam = account.iam();
    let role = function_role(&iam, stem).await?;
    let mut statement = json!({ "Effect": "Deny", "Action": actions, "Resource": "*" });
    if !regions.is_empty() {
        statement["Condition"] = json!({ "StringEquals": { "aws:RequestedRegion": regions } });
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let name = format!("deny-{}", actions.join("-").replace(':', "."));
    let put = iam.put_role_policy().role_name(&role).policy_name(&name).policy_document(policy);
    put.send().await.with_context(|| format!("PutRolePolicy on {role}"))?;
    Ok(Denial { account: account.clone(), role, name })
}

impl Denial {
    /// Takes the denial back.
    ///
    /// # Errors
    /// When IAM refuses it.
    pub async fn lift(self) -> Result<()> {
        let delete = self.account.iam().delete_role_policy().role_name(&self.role).policy_name(&self.name).send();
        delete.await.with_context(|| format!("DeleteRolePolicy on {}", self.role))?;
        Ok(())
    }
}

/// The actions that the role of the function with this stem allows, as they stand in its own policies.
///
/// # Errors
/// When IAM does not answer, or a policy is not one.
pub async fn allowed_actions(account: &Account, stem: &str) -> Result<BTreeSet<String>> {
    let iam = account.iam();
    let role = function_role(&iam, stem).await?;
    let names = iam.list_role_policies().role_name(&role).send().await.context("ListRolePolicies")?;
    let mut actions = BTreeSet::new();
    for name in names.policy_names() {
        let policy = iam.get_role_policy().role_name(&role).policy_name(name).send().await.context("GetRolePolicy")?;
        let policy: Value = serde_json::from_str(&percent_decoded(policy.policy_document())?)
            .with_context(|| format!("the policy {name} of {role}"))?;
        for statement in policy["Statement"].as_array().context("a policy without statements")? {
            if statement["Effect"] == "Allow" {
                match &statement["Action"] {
                    Value::String(one) => actions.extend([one.clone()]),
                    Value::Array(several) => {
                        actions.extend(several.iter().filter_map(|action| action.as_str().map(str::to_owned)));
                    }
                    other => bail!("not an action: {other}"),
                }
            }
        }
    }
    Ok(actions)
}

/// IAM gives policies percent-encoded.
fn percent_decoded(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits: Vec<u8> = rest.by_ref().take(2).collect();
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits)?, 16)?);
        } else {
            bytes.push(byte);
        }
    }
    Ok(String::from_utf8(bytes)?)
}

/// The name of the role of one function. The CDK makes it of the stack, the function and a random end.
async fn function_role(iam: &Client, stem: &str) -> Result<String> {
    let pascal: String = stem.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    let mut roles = function_roles(iam).await?;
    roles.retain(|name| name.contains(&format!("-{pascal}Role")));
    match roles.as_slice() {
        [role] => Ok(role.clone()),
        other => bail!("{} roles of {stem}: {other:?}", other.len()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_decoded() {
        assert_eq!(percent_decoded("%7B%22a%22%3A%20%22%C3%A4%22%7D").unwrap(), r#"{"a": "ä"}"#);
        assert_eq!(percent_decoded("{}").unwrap(), "{}");
        assert!(percent_decoded("%zz").is_err());
    }
}
