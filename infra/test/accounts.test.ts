import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Json, ofType, synthesize, type Template } from './support';

const policy = (name: string) => ({ name, tag: { key: 'Backup' }, retention: { keepDays: 7 } });
const { templates, artifacts } = synthesize({
  accounts: [
    {
      id: '111122223333',
      name: 'acme',
      homeRegion: 'us-east-1',
      subscribers: ['ops@acme.example'],
      policies: [policy('acme-daily')],
    },
    {
      id: '444455556666',
      name: 'globex',
      homeRegion: 'eu-central-1',
      subscribers: ['ops@globex.example'],
      policies: [policy('globex-daily')],
    },
  ],
});

describe('two accounts in one app', () => {
  it('are two stages, each in its account and home region', () => {
    assert.deepEqual(
      Object.values(artifacts).map((artifact: Json) => [
        artifact.displayName,
        artifact.environment,
        artifact.properties.stackName,
      ]),
      [
        ['Prod-acme/EbsBackup', 'aws://111122223333/us-east-1', 'EbsBackup'],
        ['Prod-globex/EbsBackup', 'aws://444455556666/eu-central-1', 'EbsBackup'],
      ],
    );
  });

  for (const [own, foreign] of [
    ['acme', ['444455556666', 'eu-central-1', 'globex']],
    ['globex', ['111122223333', 'us-east-1', 'acme']],
  ] as const) {
    it(`have nothing of the other in the template of ${own}`, () => {
      const template = JSON.stringify(templates[own]);
      for (const word of foreign) assert.ok(!template.includes(word), `${word} in the template of ${own}`);
      assert.ok(!template.includes('Fn::ImportValue'));
    });
  }

  it('have the same resources under the same names', () => {
    const shape = (template: Template | undefined) => ofTypes(template!).sort();
    const ofTypes = (template: Template) =>
      [...new Set(Object.values(template.Resources).map(({ Type }) => Type))].map(
        (type) => `${type} ${ofType(template, type).length}`,
      );
    assert.deepEqual(shape(templates['acme']), shape(templates['globex']));
  });

  it('take the name of the stage from the file', () => {
    const dev = synthesize({ stage: 'Dev', accounts: [{ id: '111122223333' }] });
    assert.deepEqual(
      Object.values(dev.artifacts).map((artifact: Json) => artifact.displayName),
      ['Dev-111122223333/EbsBackup'],
    );
  });
});
