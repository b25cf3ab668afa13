/** The reporter of `npm test`: prints stderr of the test files, each failed test in full, and the runner's summary. */
import { dot } from 'node:test/reporters';

type Source = Parameters<typeof dot>[0];
type TestEvent = Source extends AsyncIterable<infer E> ? E : never;

const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

export default async function* report(source: Source): AsyncGenerator<string> {
  const failures: TestEvent[] = [];
  const summary: string[] = [];
  for await (const event of source) {
    if (event.type === 'test:stderr') yield event.data.message;
    if (event.type === 'test:fail' && isOwnFailure(event)) {
      failures.push(event);
      yield `✖ ${event.data.name}\n`;
    }
    if (event.type === 'test:diagnostic' && SUMMARY.test(event.data.message)) summary.push(`# ${event.data.message}\n`);
  }
  // Given failures alone, the dot reporter prints a cross for each, then each with its error and place.
  if (failures.length > 0) yield* dot(iterate(failures));
  yield* summary;
}

/** False for a suite that failed because of its tests, and for a `todo` test, which may fail. */
function isOwnFailure({ data }: Extract<TestEvent, { type: 'test:fail' }>): boolean {
  const { failureType } = data.details.error as Error & { failureType?: string };
  return failureType !== 'subtestsFailed' && (data.todo === undefined || data.todo === false);
}

async function* iterate(events: readonly TestEvent[]): AsyncGenerator<TestEvent> {
  yield* events;
}
