import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { machineArn, machineExecutions, regionExecutions, wildcardFinding } from './arns';
import type { AccountConfig } from './config';
import type { LambdaFunction, Wildcard } from './lambda-function';
import {
  arnPlaceholder,
  BACKUP_STEMS,
  MACHINE_NAME,
  machineLogGroup,
  RESTORE_MACHINE_NAME,
  RESTORE_STEMS,
  type Stem,
} from './names';

export const DEFINITION_FILE = resolve(__dirname, '../../statemachine/backup.asl.json');
export const RESTORE_DEFINITION_FILE = resolve(__dirname, '../../statemachine/restore.asl.json');

interface Definition {
  States: Record<string, { Type: string; MaxConcurrency?: number }>;
}

const read = (file: string): Definition => JSON.parse(readFileSync(file, 'utf8')) as Definition;

/** The definition as it is in the repository, with the account's number of regions at once. */
export function definition(regionConcurrency: number): string {
  const machine = read(DEFINITION_FILE);
  const map = machine.States['BackUpRegions'];
  if (map?.Type !== 'Map') {
    throw new Error(`${DEFINITION_FILE} has no Map named BackUpRegions, whose MaxConcurrency regionConcurrency sets`);
  }
  map.MaxConcurrency = regionConcurrency;
  return JSON.stringify(machine);
}

/** The definition of a restore, as it is in the repository. */
export const restoreDefinition = (): string => JSON.stringify(read(RESTORE_DEFINITION_FILE));

export interface MachineProps {
  readonly account: AccountConfig;
  readonly functions: Readonly<Record<Stem, LambdaFunction>>;
}

interface Workflow {
  readonly name: string;
  readonly comment: string;
  readonly definition: string;
  /** The functions that it calls, and no others. */
  readonly stems: readonly Stem[];
  /** What it may do besides calling them. */
  readonly permissions: readonly PolicyStatement[];
  readonly wildcards: readonly Wildcard[];
}

/** A state machine with a role and a log group that are nobody else's. */
class Machine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { account, functions }: MachineProps, workflow: Workflow) {
    super(scope, id);
    const arns = workflow.stems.map((stem) => functions[stem].function.functionArn);

    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `What the state machine ${workflow.name} may do`,
    });
    // grantInvoke would add every version and alias; the machine calls the functions themselves.
    role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: arns }));
    workflow.permissions.forEach((statement) => role.addToPolicy(statement));

    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName: workflow.name,
      stateMachineType: StateMachineType.STANDARD,
      comment: workflow.comment,
      // Inline, not an asset: what runs can be read, and compared, in the template.
      definitionBody: DefinitionBody.fromString(workflow.definition),
      definitionSubstitutions: Object.fromEntries(
        workflow.stems.map((stem) => [arnPlaceholder(stem), functions[stem].function.functionArn]),
      ),
      role,
      tracingEnabled: true,
      logs: {
        level: LogLevel.ALL,
        includeExecutionData: true,
        destination: new LogGroup(this, 'Logs', {
          logGroupName: machineLogGroup(workflow.name),
          retention: account.logRetentionDays,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
      },
    });

    Validations.of(role).acknowledge(
      {
        id: wildcardFinding('*'),
        reason: 'X-Ray, and the delivery of logs that Step Functions sets up, take no resource.',
      },
      ...workflow.wildcards.map(({ resource, reason }) => ({ id: wildcardFinding(resource), reason })),
    );
  }
}

/** The nightly run. */
export class BackupStateMachine extends Machine {
  constructor(scope: Construct, id: string, props: MachineProps) {
    super(scope, id, props, {
      name: MACHINE_NAME,
      comment: 'Backs up the tagged EBS volumes of every region, purges, and reports',
      definition: definition(props.account.regionConcurrency),
      stems: BACKUP_STEMS,
      // A Distributed Map starts the machine anew for each item, and follows, stops and redrives what it started.
      permissions: [
        new PolicyStatement({ actions: ['states:StartExecution'], resources: [machineArn(scope)] }),
        new PolicyStatement({
          actions: ['states:DescribeExecution', 'states:StopExecution'],
          resources: [machineExecutions(scope), regionExecutions(scope)],
        }),
        new PolicyStatement({ actions: ['states:RedriveExecution'], resources: [regionExecutions(scope)] }),
      ],
      wildcards: [
        {
          resource: machineExecutions(scope),
          reason: 'Every execution has an ARN of its own; all are of this machine.',
        },
        {
          resource: regionExecutions(scope),
          reason: 'Every region is an execution with an ARN of its own; all are of this machine.',
        },
      ],
    });
  }
}

/** A restore. It starts no executions, so it needs nothing but its functions. */
export class RestoreStateMachine extends Machine {
  constructor(scope: Construct, id: string, props: MachineProps) {
    super(scope, id, props, {
      name: RESTORE_MACHINE_NAME,
      comment: 'Restores volumes to a point in time, and reports',
      definition: restoreDefinition(),
      stems: RESTORE_STEMS,
      permissions: [],
      wildcards: [],
    });
  }
}
