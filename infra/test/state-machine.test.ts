import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import validate = require('asl-validator');
import {
  arnPlaceholder,
  BACKUP_STEMS,
  functionName,
  RESTORE_FAILED,
  RESTORE_STEMS,
  type Stem,
  STEMS,
} from '../lib/names';
import { definition, DEFINITION_FILE, RESTORE_DEFINITION_FILE } from '../lib/state-machine';
import { deployed, functionResource, type Json, machineResource, templateOf } from './support';

const environment = { account: '111122223333', region: 'us-east-1' };

interface Machine {
  readonly name: string;
  readonly file: string;
  readonly stems: readonly Stem[];
}

const BACKUP: Machine = { name: 'ebs-backup', file: DEFINITION_FILE, stems: BACKUP_STEMS };
const RESTORE: Machine = { name: 'ebs-backup-restore', file: RESTORE_DEFINITION_FILE, stems: RESTORE_STEMS };

/** The definition that Step Functions gets: CloudFormation puts the substitutions in. */
function running({ name }: Machine, template = templateOf()): { text: string; machine: Json } {
  const { Properties: machine } = machineResource(template, name);
  const substitutions = deployed(template, machine.DefinitionSubstitutions, environment) as Record<string, string>;
  const text = Object.entries(substitutions).reduce(
    (definition, [name, value]) => definition.replaceAll(`\${${name}}`, value),
    machine.DefinitionString as string,
  );
  return { text, machine };
}

for (const of of [BACKUP, RESTORE]) {
  describe(`the state machine ${of.name}`, () => {
    it('is one that asl-validator accepts', () => {
      const { isValid, errorsText } = validate(JSON.parse(running(of).text));
      assert.ok(isValid, errorsText());
    });

    it('has every placeholder put in, each by the function that bears its name', () => {
      const template = templateOf();
      const { text, machine } = running(of, template);
      assert.doesNotMatch(text, /\$\{/);
      assert.deepEqual(
        deployed(template, machine.DefinitionSubstitutions, environment),
        Object.fromEntries(
          of.stems.map((stem) => [
            arnPlaceholder(stem),
            `arn:aws:lambda:us-east-1:111122223333:function:${functionName(stem)}`,
          ]),
        ),
      );
    });

    it('uses every function of its own, and no other', () => {
      const placeholders = readFileSync(of.file, 'utf8').match(/(?<=\$\{)\w+(?=\})/g) ?? [];
      assert.deepEqual([...new Set(placeholders)].sort(), of.stems.map(arnPlaceholder).sort());
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
      collect((JSON.parse(readFileSync(of.file, 'utf8')) as Json).States);
      for (const stem of of.stems) {
        const { Timeout } = functionResource(template, functionName(stem)).Properties;
        assert.ok(Timeout < timeouts.get(arnPlaceholder(stem))!, stem);
      }
    });

    it('is Standard, traced, and logs everything it does', () => {
      const { machine } = running(of);
      assert.equal(machine.StateMachineType, 'STANDARD');
      assert.deepEqual(machine.TracingConfiguration, { Enabled: true });
      assert.equal(machine.LoggingConfiguration.Level, 'ALL');
      assert.equal(machine.LoggingConfiguration.IncludeExecutionData, true);
      assert.deepEqual(deployed(templateOf(), machine.LoggingConfiguration.Destinations, environment), [
        {
          CloudWatchLogsLogGroup: {
            LogGroupArn: `arn:aws:logs:us-east-1:111122223333:log-group:/aws/vendedlogs/states/${of.name}:*`,
          },
        },
      ]);
    });
  });
}

describe('the state machines', () => {
  it('use every function that is deployed', () => {
    assert.deepEqual([...BACKUP.stems, ...RESTORE.stems], [...STEMS]);
  });

  it('are the definitions of the repository, but for the number of regions at once', () => {
    const committed = JSON.parse(readFileSync(DEFINITION_FILE, 'utf8')) as Json;
    const seven = JSON.parse(definition(7)) as Json;
    assert.equal(seven.States.BackUpRegions.MaxConcurrency, 7);
    seven.States.BackUpRegions.MaxConcurrency = committed.States.BackUpRegions.MaxConcurrency;
    assert.deepEqual(seven, committed);
    const three = running(BACKUP, templateOf({ regionConcurrency: 3 })).text;
    assert.equal(JSON.parse(three).States.BackUpRegions.MaxConcurrency, 3);
    assert.deepEqual(
      JSON.parse(running(RESTORE).machine.DefinitionString),
      JSON.parse(readFileSync(RESTORE_DEFINITION_FILE, 'utf8')),
    );
  });

  it('fail with the error for which the backstop is silent', () => {
    const { States: states } = JSON.parse(readFileSync(RESTORE_DEFINITION_FILE, 'utf8')) as Json;
    const errors = Object.values(states as Record<string, Json>).flatMap(({ Type, Error }) =>
      Type === 'Fail' ? [Error] : [],
    );
    assert.deepEqual(errors, [RESTORE_FAILED]);
  });
});
