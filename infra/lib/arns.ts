import { ArnFormat, Aws, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { MACHINE_NAME } from './names';

/**
 * Every snapshot of every region. AWS leaves the account of a snapshot's ARN empty, and the local server fills it; the
 * asterisk stands for both. It widens nothing: whose snapshot it is, no ARN says, which is why conditions ask for our tag.
 */
export const ANY_SNAPSHOT = `arn:${Aws.PARTITION}:ec2:*:*:snapshot/*`;

/** Every volume of the account, of every region. */
export const OWN_VOLUMES = `arn:${Aws.PARTITION}:ec2:*:${Aws.ACCOUNT_ID}:volume/*`;

/** Every instance of the account, of every region. */
export const OWN_INSTANCES = `arn:${Aws.PARTITION}:ec2:*:${Aws.ACCOUNT_ID}:instance/*`;

// The machine's ARNs are made of its fixed name: the machine depends on its role, and its role and the gate speak of the
// machine, so references would go round in a circle.
const arn = (scope: Construct, resource: string, resourceName: string): string =>
  Stack.of(scope).formatArn({ service: 'states', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });

export const machineArn = (scope: Construct): string => arn(scope, 'stateMachine', MACHINE_NAME);

/** The runs themselves. */
export const machineExecutions = (scope: Construct): string => arn(scope, 'execution', `${MACHINE_NAME}:*`);

/** The regions of a run: child executions are named `<machine>/<label of the Map>:<id>`. */
export const regionExecutions = (scope: Construct): string => arn(scope, 'execution', `${MACHINE_NAME}/*:*`);

/** How cdk-nag names a wildcard in an ARN: it writes CloudFormation's pseudo parameters as `<AWS::Partition>`. */
export const wildcardFinding = (arn: string): string =>
  `AwsSolutions-IAM5[Resource::${arn.replaceAll(/\$\{Token\[AWS\.(\w+)\.\d+\]\}/g, '<AWS::$1>')}]`;
