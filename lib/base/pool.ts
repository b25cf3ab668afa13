/** Does the same work for many items, a few at a time. */

/** Calls `work` for each item, at most `atOnce` at a time. Returns the results in order. Rejects with the first error. */
export async function mapAtOnce<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  await eachAtOnce(items.entries(), Math.min(atOnce, items.length), async ([index, item]) => {
    results[index] = await work(item);
  });
  return results;
}

/** Calls `work` for each item, at most `atOnce` at a time, and takes an item when its turn comes. Rejects with the first error. */
export async function eachAtOnce<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  let failed = false;
  const waiting = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = waiting.next(); next.done !== true && !failed; next = waiting.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/**
 * Calls `work` for each item, and gives the results in the order of the items. Begins with at most `ahead` items before
 * their results are taken.
 */
export async function* mapAhead<T, R>(
  items: readonly T[],
  ahead: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const begun: Promise<R>[] = [];
  let next = 0;
  const begin = () => {
    if (next >= items.length) return;
    const result = work(items[next] as T);
    next += 1;
    // The error is thrown when its turn comes.
    result.catch(() => undefined);
    begun.push(result);
  };
  while (begun.length < ahead && next < items.length) begin();
  for (let result = begun.shift(); result !== undefined; result = begun.shift()) {
    begin();
    yield await result;
  }
}
