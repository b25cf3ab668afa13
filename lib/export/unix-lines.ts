/**
 * Line ends as mail programs on Unix expect them in their files: LF. Gmail's sources have CRLF. A CR without LF, and an LF
 * without CR, stay as they are.
 */

const CR = 0x0d;
const LF = 0x0a;

/** Turns each CRLF into LF, chunk by chunk. */
class UnixLines {
  /** The last chunk ended with a CR, which is not passed on yet. */
  #heldCr = false;

  convert(chunk: Buffer): Buffer {
    if (chunk.length === 0 || (!this.#heldCr && !chunk.includes(CR))) return chunk;
    const out = Buffer.allocUnsafe(chunk.length + 1);
    let length = 0;
    const pass = (from: number, to: number) => {
      length += chunk.copy(out, length, from, to);
    };
    if (this.#heldCr && chunk[0] !== LF) {
      out[0] = CR;
      length = 1;
    }
    this.#heldCr = chunk.at(-1) === CR;
    const end = this.#heldCr ? chunk.length - 1 : chunk.length;
    let from = 0;
    for (let at = chunk.indexOf(CR); at !== -1 && at < end; at = chunk.indexOf(CR, at + 1)) {
      if (chunk[at + 1] !== LF) continue;
      pass(from, at);
      from = at + 1;
    }
    pass(from, end);
    return out.subarray(0, length);
  }

  /** The rest, when the last chunk ended with a CR. */
  end(): Buffer {
    const held = this.#heldCr;
    this.#heldCr = false;
    return Buffer.from(held ? [CR] : []);
  }
}

/** The source with LF as the end of its lines. */
export async function* withUnixLines(source: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const lines = new UnixLines();
  for await (const chunk of source) yield lines.convert(chunk);
  yield lines.end();
}
