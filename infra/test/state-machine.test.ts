import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import validate = require('asl-validator');
import { arnPlaceholder, functionName, STEMS } from '../lib/names';
import { definition, DEFINITION_FILE } from '../lib/state-machine';
import { deployed, type Json, only, templateOf } from './support';

const environment = { account: '111122223333', region: 'us-east-1' };

/** The definition that Step Functions gets: CloudFormation puts the substitutions in. */
function running(template = templateOf()): { text: string; machine: Json } {
  const { Properties: machine } = only(template, 'AWS::StepFunctions::StateMachine');
  const substitutions = deployed(template, machine.DefinitionSubstitutions, environment) as Record<string, string>;
  const text = Object.entries(substitutions).reduce(
    (definition, [name, value]) => definition.replaceAll(`\${${name}}`, value),
    machine.DefinitionString as string,
  );
  return { text, machine };
}

describe('the state machine', () => {
  it('is one that asl-validator accepts', () => {
    const { isValid, errorsText } = validate(JSON.parse(running().text));
    assert.ok(isValid, errorsText());
  });

  it('has every placeholder put in, each by the function that bears its name', () => {
    const template = templateOf();
    const { text, machine } = running(template);
    assert.doesNotMatch(text, /\$\{/);
    assert.deepEqual(
      deployed(template, machine.DefinitionSubstitutions, environment),
      Object.fromEntries(
        STEMS.map((stem) => [
          arnPlaceholder(stem),
          `arn:aws:lambda:us-east-1:111122223333:function:${functionName(stem)}`,
        ]),
      ),
    );
  });

  it('uses every function that is deployed', () => {
    const placeholders = readFileSync(DEFINITION_FILE, 'utf8').match(/(?<=\$\{)\w+(?=\})/g) ?? [];
    assert.deepEqual([...new Set(placeholders)].sort(), STEMS.map(arnPlaceholder).sort());
  });

  it('is the definition of the repository, but for the number of regions at once', () => {
    const committed = JSON.parse(readFileSync(DEFINITION_FILE, 'utf8')) as Json;
    const seven = JSON.parse(definition(7)) as Json;
    assert.equal(seven.States.BackUpRegions.MaxConcurrency, 7);
    seven.States.BackUpRegions.MaxConcurrency = committed.States.BackUpRegions.MaxConcurrency;
    assert.deepEqual(seven, committed);
    assert.equal(JSON.parse(running(templateOf({ regionConcurrency: 3 })).text).States.BackUpRegions.MaxConcurrency, 3);
  });

  it('waits longer for each step than Lambda does, so that a slow step is a time-out of its own', () => {
    const template = templateOf();
    const timeouts = new Map<string, number>();
    const collect = (states: Record<string, Json>): void => {
      for (const state of Object.values(states)) {
        if (state.Type === 'Task') timeouts.set(state.Arguments.FunctionName.slice(2, -1), state.TimeoutSeconds);
        if (state.Type === 'Map') collect(state.ItemProcessor.States);
      }
    };
    collect((JSON.parse(readFileSync(DEFINITION_FILE, 'utf8')) as Json).States);
    for (const stem of STEMS) {
      const lambda = Object.values(template.Resources).find(
        ({ Properties }) => Properties?.FunctionName === functionName(stem),
      );
      assert.ok(lambda!.Properties.Timeout < timeouts.get(arnPlaceholder(stem))!, stem);
    }
  });

  it('is Standard, traced, and logs everything it does', () => {
    const { machine } = running();
    assert.equal(machine.StateMachineName, 'ebs-backup');
    assert.equal(machine.StateMachineType, 'STANDARD');
    assert.deepEqual(machine.TracingConfiguration, { Enabled: true });
    assert.equal(machine.LoggingConfiguration.Level, 'ALL');
    assert.equal(machine.LoggingConfiguration.IncludeExecutionData, true);
    assert.deepEqual(deployed(templateOf(), machine.LoggingConfiguration.Destinations, environment), [
      {
        CloudWatchLogsLogGroup: {
          LogGroupArn: 'arn:aws:logs:us-east-1:111122223333:log-group:/aws/vendedlogs/states/ebs-backup:*',
        },
      },
    ]);
  });
});
