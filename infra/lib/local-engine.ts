/**
 * The one switch between AWS and a local server: `localEngine: true` in an account's configuration.
 *
 * The local server that the tests and the demo deploy to (MiniStack) runs the same templates with the same IAM policies.
 * Two things it cannot do, and this file is the only place where they are left out:
 *  - it never fills `aws:ResourceTag/…` of a snapshot or a volume, so a policy with such a condition refuses every delete, and
 *    misjudges every adoption;
 *  - it refuses the asset bucket to the publishing role of CDK's bootstrap, so the caller's own credentials publish.
 * Never set it for an account of AWS: the functions check the tag too (S1), but nothing else would. So the app refuses it
 * unless AWS_ENDPOINT_URL names a server on this machine.
 */
import { CliCredentialsStackSynthesizer, DefaultStackSynthesizer, type IStackSynthesizer } from 'aws-cdk-lib';
import { ADOPTION_TAGS, KEEP_TAG, POLICY_TAG, TEST_TAG } from './names';

/** Accounts that are set up for a local server while nobody says that there is one. */
export function strayLocalAccounts(
  accounts: readonly { readonly name: string; readonly localEngine: boolean }[],
  endpoint: string | undefined,
): string[] {
  const host = endpoint === undefined ? '' : new URL(endpoint).hostname;
  const local = host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
  return accounts.filter(({ localEngine }) => localEngine && !local).map(({ name }) => name);
}

export function synthesizer(localEngine: boolean): IStackSynthesizer {
  return localEngine ? new CliCredentialsStackSynthesizer() : new DefaultStackSynthesizer();
}

/** S1: a delete is allowed only for a snapshot that bears our tag, with a policy that is deployed here. */
export function ownSnapshotsOnly(
  localEngine: boolean,
  policies: readonly string[],
): Record<string, unknown> | undefined {
  if (localEngine) return undefined;
  return {
    StringEquals: { [`aws:ResourceTag/${POLICY_TAG}`]: policies },
    // A hold that is younger than the function's own look: EC2 itself refuses.
    Null: { [`aws:ResourceTag/${KEEP_TAG}`]: 'true' },
  };
}

/** A volume is deleted only where it bears the tag of a restore test, which is given to none but a new one. */
export function testVolumesOnly(localEngine: boolean): Record<string, unknown> | undefined {
  return localEngine ? undefined : { Null: { [`aws:ResourceTag/${TEST_TAG}`]: 'false' } };
}

/** S1: adoption writes only on a snapshot that bears the backup tag, and no policy's. */
export function foreignSnapshotsOnly(localEngine: boolean, tagKey: string): Record<string, Record<string, string>> {
  if (localEngine) return {};
  const nobodys = Object.fromEntries(ADOPTION_TAGS.map((tag) => [`aws:ResourceTag/${tag}`, 'true']));
  return { Null: { [`aws:ResourceTag/${tagKey}`]: 'false', ...nobodys } };
}
