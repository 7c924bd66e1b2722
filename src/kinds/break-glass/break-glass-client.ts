/**
 * A break-glass token that can be changed: in the starting thread, and by a writer in another one.
 */
import type { ActorRef } from '../../messaging/actor-ref.js';
import type { RemoteRef } from '../../messaging/remote-ref.js';
import type { CallOptions } from '../../messaging/call-port.js';
import { openWords } from '../../memory/child-memory.js';
import { Header } from '../../memory/layout.js';
import { notify, type AtomicWords } from '../../memory/words.js';
import { BreakGlassReader } from './break-glass-reader.js';
import { digestOf, GlassWord, type BuiltToken, type GlassMessage } from './break-glass-record.js';

/** What both have: lookups, and what goes through the mailbox of the actor, in the order in which it was sent. */
export class BreakGlassClient extends BreakGlassReader {
  readonly #words: AtomicWords;
  readonly #ref: ActorRef;

  /** @internal */
  constructor(ref: ActorRef) {
    super(ref);
    this.#words = openWords(ref.memory);
    this.#ref = ref;
  }

  /**
   * Makes a token, in the actor: 32 bytes of the system's generator, in base64url. It replaces an existing one. The
   * token is returned this once; only a digest of it is kept.
   *
   * @throws NO_PROC if there is no actor now, ACTOR_DOWN if it dies during it (a token that it had made is gone then,
   *   unless `onCrash` is `keep`), CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID for invalid options.
   * @example
   * const built = await door.buildAndStore();
   * process.stdout.write(`${built.token}\n`);
   */
  buildAndStore(options?: CallOptions): Promise<BuiltToken> {
    const clears = this.#words.load(Header.OWN + GlassWord.CLEARS);
    return this.#call({ kind: 'build', clears }, options) as Promise<BuiltToken>;
  }

  /**
   * Removes the token if it is the given one: compared and removed in the actor, in one message. True if it was
   * removed. Only its digest is sent.
   *
   * @throws NO_PROC if there is no actor now, ACTOR_DOWN if it dies during it, CALL_TIMEOUT, MAILBOX_FULL, ABORTED,
   *   CONFIG_INVALID for invalid options.
   */
  async delete(token: string, options?: CallOptions): Promise<boolean> {
    const given: unknown = token;
    // A value that is not a string is no token; neither is the empty string, which has a digest.
    const digest = new Uint8Array(digestOf(typeof given === 'string' ? given : ''));
    return (await this.#call({ kind: 'delete', digest }, options)) as boolean;
  }

  /**
   * Removes any token, for readers in all threads before it returns; also one that is being built. It always succeeds:
   * it needs no actor and no message. Never throws.
   */
  clear(): void {
    this.#words.add(Header.OWN + GlassWord.CLEARS, 1);
    // The actor wipes what is left of it.
    notify(this.#words, Header.REQUEST);
    this.#ref.emit('break-glass:cleared', {});
  }

  #call(message: GlassMessage, options: CallOptions | undefined): Promise<unknown> {
    return this.#ref.call(message, options);
  }
}

/**
 * What `attach()` makes of a `writer()`. It goes on over restarts of the actor, also while the starting thread is blocked.
 */
export class BreakGlassWriter extends BreakGlassClient {
  readonly #remote: RemoteRef;

  /** @internal Use attach(). */
  constructor(ref: RemoteRef) {
    super(ref);
    this.#remote = ref;
  }

  /** Lets go of its ports, as the end of its thread does: calls reject with NO_PROC then, lookups go on. */
  close(): void {
    this.#remote.close();
  }
}
