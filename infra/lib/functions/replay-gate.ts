import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { type FunctionContext, LambdaFunction } from '../lambda-function';
import { machineExecutions } from '../arns';

/** Makes a run with a failed region red, and lets a redriven one through. */
export function replayGate(scope: Construct, context: FunctionContext): LambdaFunction {
  const executions = machineExecutions(scope);
  return new LambdaFunction(scope, {
    ...context,
    stem: 'replay-gate',
    description: 'EBS Backup: fails a run with failed regions, and opens when it is redriven',
    timeout: Duration.seconds(50),
    memoryMiB: 256,
    permissions: [new PolicyStatement({ actions: ['states:DescribeExecution'], resources: [executions] })],
    wildcards: [{ resource: executions, reason: 'Every execution has an ARN of its own; all are of our machine.' }],
  });
}
