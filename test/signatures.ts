/** `npm run signatures`: checks the registry's signatures of all installed packages, or warns that none could be checked. */
import { execFile } from 'node:child_process';

const TIMEOUT_MS = 15_000;

/** npm's codes when the registry is not reached, does not answer in time, or has no signatures. */
const NOT_ASKED =
  /^(ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT|E40[0345]|E5\d\d)$/;

export interface Verdict {
  readonly outcome: 'sound' | 'skipped' | 'failed';
  readonly text: string;
}

interface Report {
  readonly invalid?: readonly Named[];
  readonly missing?: readonly Named[];
  readonly error?: { readonly code?: string; readonly summary?: string };
}

interface Named {
  readonly name: string;
  readonly version: string;
}

/** Reads the output of `npm audit signatures --json`. An error that is not in NOT_ASKED is a failure. */
export function judge(exitCode: number, stdout: string): Verdict {
  const { invalid, missing, error } = readReport(stdout);
  if (invalid !== undefined && missing !== undefined) {
    const bad = [...invalid.map(told('a wrong signature')), ...missing.map(told('no signature'))];
    if (bad.length > 0) return { outcome: 'failed', text: `npm audit signatures: ${bad.join(', ')}` };
    if (exitCode === 0) return { outcome: 'sound', text: 'npm audit signatures: every installed package is signed' };
  }
  const { code = `exit code ${exitCode}`, summary = stdout.trim() } = error ?? {};
  const text = `npm audit signatures: ${code} ${summary}`.replace(/\s+/g, ' ').trim();
  if (!NOT_ASKED.test(code) && !/found no dependencies to audit that were installed from a supported/.test(summary))
    return { outcome: 'failed', text };
  return { outcome: 'skipped', text: `SIGNATURES NOT CHECKED, the registry gives none here. ${text}` };
}

function readReport(stdout: string): Report {
  try {
    return JSON.parse(stdout) as Report;
  } catch {
    return {};
  }
}

function told(what: string) {
  return ({ name, version }: Named) => `${name}@${version} has ${what}`;
}

function audit(): Promise<Verdict> {
  const args = ['audit', 'signatures', '--json', '--fetch-retries=0', `--fetch-timeout=${TIMEOUT_MS}`];
  return new Promise((resolve) => {
    execFile('npm', args, { timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 }, (error, stdout) => {
      const late = error?.killed ? JSON.stringify({ error: { code: 'ETIMEDOUT', summary: 'no answer in time' } }) : '';
      resolve(judge(error === null ? 0 : Number(error.code ?? 1), late || stdout));
    });
  });
}

if (import.meta.main) {
  const { outcome, text } = await audit();
  process.stdout.write(`${{ sound: '✔', skipped: '! ', failed: '✖' }[outcome]} ${text}\n`);
  if (outcome === 'failed') process.exitCode = 1;
}
