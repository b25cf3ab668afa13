/** The answer as the person brings it: the address that the browser ended up at, pasted into the terminal. */
import type { Terminal } from '../screen/terminal.ts';
import { isState, wrongState } from './consent.ts';
import type { ConsentAnswer } from './loopback.ts';

const QUESTION =
  'If its last page cannot be loaded, paste the address of that page here (it is not shown), and press Enter: ';

/**
 * Asks until an answer to the question with this state is pasted. When the input ends without one, it stays pending: the
 * browser may still come by itself.
 * @throws CredentialError when a person's answer to another question is all that the input holds.
 */
export async function pastedAnswer(
  state: string,
  terminal: Terminal,
  hide: (secret: string) => void,
  signal: AbortSignal,
): Promise<ConsentAnswer> {
  let mismatched = false;
  for (;;) {
    // Not shown, because a code that is pasted would else stand on the screen.
    const line = await terminal.ask(QUESTION, signal, { secret: true });
    if (line === null && mismatched) throw wrongState();
    if (line === null) return new Promise<never>(() => undefined);
    const parameters = new URLSearchParams(/\?([^#]*)/.exec(line)?.[1] ?? line.trim());
    hide(parameters.get('code') ?? '');
    const isAnswer = parameters.has('code') || parameters.has('error');
    if (isAnswer && isState(parameters.get('state'), state)) return { parameters, reply: async () => undefined };
    mismatched ||= isAnswer;
    if (line.trim() !== '') terminal.print(isAnswer ? `Not used: ${wrongState().message}.` : NO_ANSWER);
  }
}

const NO_ANSWER = 'That is not the address of the last page: it has /oauth2callback? and a code in it.';
