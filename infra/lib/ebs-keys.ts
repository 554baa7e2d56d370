/** What EBS does with KMS in the name of whoever calls EC2: encrypted snapshots and volumes need it. */
import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Wildcard } from './lambda-function';

/** Any key: volumes are encrypted with keys of any region, and with keys that another account shares. */
const ANY_KEY = `arn:${Aws.PARTITION}:kms:*:*:key/*`;

// Only EC2 may use a key for the function, never the function itself. China's partition has a suffix of its own.
const VIA_EC2 = { 'kms:ViaService': ['ec2.*.amazonaws.com', 'ec2.*.amazonaws.com.cn'] };

/** EBS keeps the use of a volume's key as a grant. The first condition lets it be made by an AWS service only. */
export function grantToEbs(): PolicyStatement {
  return new PolicyStatement({
    actions: ['kms:CreateGrant'],
    resources: [ANY_KEY],
    conditions: { Bool: { 'kms:GrantIsForAWSResource': 'true' }, StringLike: VIA_EC2 },
  });
}

export function useThroughEc2(...actions: readonly `kms:${string}`[]): PolicyStatement {
  return new PolicyStatement({ actions: [...actions], resources: [ANY_KEY], conditions: { StringLike: VIA_EC2 } });
}

export const KEYS_ARE_ANYBODYS: Wildcard = {
  resource: ANY_KEY,
  reason:
    'Which key a volume was encrypted with, in which region and of which account, only its snapshot says; a condition lets EC2 alone use it, and the policy of the key decides as well.',
};
