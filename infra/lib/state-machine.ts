import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { machineArn, machineExecutions, regionExecutions, wildcardFinding } from './arns';
import type { AccountConfig } from './config';
import type { LambdaFunction } from './lambda-function';
import { arnPlaceholder, MACHINE_LOG_GROUP, MACHINE_NAME, STEMS, type Stem } from './names';

export const DEFINITION_FILE = resolve(__dirname, '../../statemachine/backup.asl.json');

interface Definition {
  States: Record<string, { Type: string; MaxConcurrency?: number }>;
}

/** The definition as it is in the repository, with the account's number of regions at once. */
export function definition(regionConcurrency: number): string {
  const machine = JSON.parse(readFileSync(DEFINITION_FILE, 'utf8')) as Definition;
  const map = machine.States['BackUpRegions'];
  if (map?.Type !== 'Map') {
    throw new Error(`${DEFINITION_FILE} has no Map named BackUpRegions, whose MaxConcurrency regionConcurrency sets`);
  }
  map.MaxConcurrency = regionConcurrency;
  return JSON.stringify(machine);
}

export interface BackupStateMachineProps {
  readonly account: AccountConfig;
  readonly functions: Readonly<Record<Stem, LambdaFunction>>;
}

/** The nightly run. */
export class BackupStateMachine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, props: BackupStateMachineProps) {
    super(scope, id);
    const arns = STEMS.map((stem) => props.functions[stem].function.functionArn);

    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `What the state machine ${MACHINE_NAME} may do`,
    });
    // grantInvoke would add every version and alias; the machine calls the functions themselves.
    role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: arns }));
    // A Distributed Map starts the machine anew for each item, and follows, stops and redrives what it started.
    role.addToPolicy(new PolicyStatement({ actions: ['states:StartExecution'], resources: [machineArn(this)] }));
    role.addToPolicy(
      new PolicyStatement({
        actions: ['states:DescribeExecution', 'states:StopExecution'],
        resources: [machineExecutions(this), regionExecutions(this)],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({ actions: ['states:RedriveExecution'], resources: [regionExecutions(this)] }),
    );

    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName: MACHINE_NAME,
      stateMachineType: StateMachineType.STANDARD,
      comment: 'Backs up the tagged EBS volumes of every region, purges, and reports',
      // Inline, not an asset: what runs can be read, and compared, in the template.
      definitionBody: DefinitionBody.fromString(definition(props.account.regionConcurrency)),
      definitionSubstitutions: Object.fromEntries(
        STEMS.map((stem) => [arnPlaceholder(stem), props.functions[stem].function.functionArn]),
      ),
      role,
      tracingEnabled: true,
      logs: {
        level: LogLevel.ALL,
        includeExecutionData: true,
        destination: new LogGroup(this, 'Logs', {
          logGroupName: MACHINE_LOG_GROUP,
          retention: props.account.logRetentionDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
      },
    });

    Validations.of(role).acknowledge(
      {
        id: wildcardFinding('*'),
        reason: 'X-Ray, and the delivery of logs that Step Functions sets up, take no resource.',
      },
      {
        id: wildcardFinding(machineExecutions(this)),
        reason: 'Every execution has an ARN of its own; all are of this machine.',
      },
      {
        id: wildcardFinding(regionExecutions(this)),
        reason: 'Every region is an execution with an ARN of its own; all are of this machine.',
      },
    );
  }
}
