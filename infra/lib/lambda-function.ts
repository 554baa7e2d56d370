import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function as CdkFunction, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { wildcardFinding } from './arns';
import type { Artefacts } from './artefacts';
import type { AccountConfig } from './config';
import { functionName, pascal, type Stem } from './names';

/** What all functions of an account share. */
export interface FunctionContext {
  readonly account: AccountConfig;
  readonly artefacts: Artefacts;
}

/** A resource with a wildcard in it, and why it cannot be narrower. */
export interface Wildcard {
  readonly resource: string;
  readonly reason: string;
}

export interface LambdaFunctionProps extends FunctionContext {
  readonly stem: Stem;
  readonly description: string;
  /** Below the TimeoutSeconds of the state, so that Lambda's own time-out is the one that is seen. */
  readonly timeout: Duration;
  readonly memoryMiB: number;
  readonly environment?: Record<string, string>;
  /** All that the function may do, besides its own logs and traces. */
  readonly permissions: readonly PolicyStatement[];
  readonly wildcards: readonly Wildcard[];
}

/** One step: a function with a role, a log group and a policy that are nobody else's. */
export class LambdaFunction extends Construct {
  readonly function: CdkFunction;
  readonly role: Role;

  constructor(scope: Construct, props: LambdaFunctionProps) {
    super(scope, pascal(props.stem));
    const name = functionName(props.stem);

    const logs = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${name}`,
      retention: props.account.logRetentionDays,
      // The name is fixed: a log group left behind would stand in the way of the next deployment.
      removalPolicy: RemovalPolicy.DESTROY,
    });

    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What ${name} may do`,
    });
    // Not AWSLambdaBasicExecutionRole: that one writes to, and creates, any log group of the account.
    this.role.addToPolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logs.logGroupArn],
      }),
    );
    props.permissions.forEach((statement) => this.role.addToPolicy(statement));

    this.function = new CdkFunction(this, 'Function', {
      functionName: name,
      description: props.description,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: props.account.architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
      handler: 'bootstrap',
      code: props.artefacts.codeOf(props.stem, props.account.architecture),
      role: this.role,
      logGroup: logs,
      // The runtime then writes its lines as JSON too, so that fields can be searched for.
      loggingFormat: LoggingFormat.JSON,
      timeout: props.timeout,
      memorySize: props.memoryMiB,
      tracing: Tracing.ACTIVE,
      environment: { RUST_LOG: 'info', ...props.environment },
    });

    const everywhere = props.wildcards.filter((w) => w.resource === '*');
    const narrower = props.wildcards.filter((w) => w.resource !== '*');
    Validations.of(this.role).acknowledge(
      {
        id: wildcardFinding('*'),
        reason: ['X-Ray takes traces for no resource in particular.', ...everywhere.map((w) => w.reason)].join(' '),
      },
      ...narrower.map((w) => ({ id: wildcardFinding(w.resource), reason: w.reason })),
    );
  }
}

/** EC2's Describe calls know no resources: IAM takes them for `*` or not at all. */
export const DESCRIBE_TAKES_NO_RESOURCE: Wildcard = {
  resource: '*',
  reason: "EC2's Describe calls take no resource.",
};

export function describe(...actions: readonly `ec2:Describe${string}`[]): PolicyStatement {
  return new PolicyStatement({ actions: [...actions], resources: ['*'] });
}
