/** Tells a person who stops `authorize` or `rotate` whether anything was stored in AWS by then. */
import type { Vault } from '../aws/vault.ts';
import { StoppedError } from '../errors.ts';
import type { Terminal } from '../screen/terminal.ts';

export interface WatchedVault {
  readonly vault: Vault;
  /** Returns what `work` returns; when the work was stopped, prints first whether the vault was asked to store anything. */
  orSayWhatWasStored<T>(work: () => Promise<T>): Promise<T>;
}

/** The vault, watched for requests that change the secret. `whenAsked` is the advice when there was one. */
export function watchVault(vault: Vault, terminal: Pick<Terminal, 'print'>, whenAsked: string): WatchedVault {
  let asked = false;
  const noting =
    <A extends unknown[], R>(method: (...values: A) => R) =>
    (...values: A): R => {
      asked = true;
      return method(...values);
    };
  const { create, put, moveStage, dropStage } = vault;
  return {
    vault: {
      ...vault,
      create: noting(create),
      put: noting(put),
      moveStage: noting(moveStage),
      dropStage: noting(dropStage),
    },
    async orSayWhatWasStored(work) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof StoppedError) {
          terminal.print(
            asked ? `Stopped while credentials were being stored in AWS: ${whenAsked}` : 'Stopped: nothing was stored.',
          );
        }
        throw error;
      }
    },
  };
}
