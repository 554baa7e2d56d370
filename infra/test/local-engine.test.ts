import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { strayLocalAccounts } from '../lib/local-engine';
import { type Json, oneAccount, synthesize } from './support';

const production = synthesize(oneAccount());
const local = synthesize(oneAccount({ localEngine: true }));

/** All places in which two values differ. */
function differences(one: Json, other: Json, path = ''): string[] {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return one === other ? [] : [path];
  }
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) =>
    differences(one[key], other[key], `${path}/${key}`),
  );
}

describe('the switch localEngine', () => {
  it('leaves out the conditions of the two deletes and nothing else', () => {
    const found = differences(production.templates['acme'], local.templates['acme']);
    // The asset bucket is the same one; only the synthesizer's check of the bootstrap's version goes with the synthesizer.
    const rest = found.filter((path) => !path.startsWith('/Parameters') && !path.startsWith('/Rules'));
    const leftOut = rest.map((path) => {
      const statement =
        /^\/Resources\/(\w+?)RoleDefaultPolicy\w+\/Properties\/PolicyDocument\/Statement\/\d+\/Condition$/.exec(path);
      assert.ok(statement, path);
      const [, , id, , , , index] = path.split('/') as [string, string, string, string, string, string, string];
      const inProduction =
        production.templates['acme']!.Resources[id]!.Properties.PolicyDocument.Statement[Number(index)];
      return [statement[1], inProduction.Action, inProduction.Condition];
    });
    assert.deepEqual(leftOut.sort(), [
      [
        'DeleteSnapshots',
        'ec2:DeleteSnapshot',
        {
          StringEquals: { 'aws:ResourceTag/ebs-backup:policy': ['daily'] },
          Null: { 'aws:ResourceTag/ebs-backup:keep': 'true' },
        },
      ],
      ['DeleteTestVolumes', 'ec2:DeleteVolume', { Null: { 'aws:ResourceTag/ebs-backup:restore-test': 'false' } }],
    ]);
  });

  it("publishes with the caller's credentials, and AWS with the roles of the bootstrap", () => {
    assert.equal(local.artifacts['acme'].properties.assumeRoleArn, undefined);
    assert.match(
      production.artifacts['acme'].properties.assumeRoleArn,
      /cdk-hnb659fds-deploy-role-111122223333-us-east-1$/,
    );
  });

  it('is off unless it is asked for', () => {
    assert.deepEqual(
      differences(synthesize(oneAccount({ localEngine: false })).templates['acme'], production.templates['acme']),
      [],
    );
  });

  it('is refused unless there is a server on this machine', () => {
    const accounts = [
      { name: 'here', localEngine: true },
      { name: 'aws', localEngine: false },
    ];
    for (const [endpoint, stray] of [
      [undefined, ['here']],
      ['https://ec2.eu-west-1.amazonaws.com', ['here']],
      ['http://127.0.0.1.example.com', ['here']],
      ['http://127.0.0.1:4566', []],
      ['http://localhost:4566', []],
      ['http://[::1]:4566', []],
    ] as const) {
      assert.deepEqual(strayLocalAccounts(accounts, endpoint), stray, endpoint);
    }
  });
});
